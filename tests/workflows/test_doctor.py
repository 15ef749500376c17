import subprocess
import sys

import pytest

from tlzoo.workflows import doctor


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_healthy_machine_has_no_problems(home):
    found = doctor.examine()
    assert found["problems"] == []
    assert found["versions"]["tensorflow"].startswith("2.21")
    assert "pytest" not in found["versions"]  # extras are no requirements
    assert found["devices"]["memory_bytes"] > 0
    assert "digits" in found["at_hand"]["datasets"]
    assert "tensorflow" not in found


def test_it_imports_no_tensorflow_unless_asked():
    code = "import sys; from tlzoo.workflows.doctor import examine; examine(); print('tensorflow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_deep_asks_tensorflow(home):
    found = doctor.examine(deep=True)["tensorflow"]
    assert found["version"].startswith("2.21")
    assert any(device.startswith("CPU") for device in found["devices"])


def test_the_cache_is_measured_by_parts(home):
    (home / "cache" / "packages" / "deep").mkdir(parents=True)
    (home / "cache" / "packages" / "deep" / "a").write_bytes(bytes(1000))
    (home / "cache" / "features").mkdir()
    (home / "cache" / "features" / "b").write_bytes(bytes(500))
    cache = doctor._cache(home / "cache")
    assert cache["parts"] == {"features": 500, "packages": 1000}
    assert cache["bytes"] == 1500
    assert cache["free_bytes"] > 0


def test_a_cache_that_is_not_there_yet_has_room(home):
    cache = doctor._cache(home / "not" / "there")
    assert (cache["bytes"], cache["parts"], cache["writable"]) == (0, {}, True)
    assert not (home / "not").exists()


def test_missing_requirements_are_named(home, monkeypatch):
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "tensorboard" else real(name))
    assert doctor.examine()["problems"] == ["tensorboard is not installed: pip install tlzoo installs it."]


def test_little_room_and_no_permission_are_named(home, monkeypatch):
    monkeypatch.setattr(doctor, "_cache", lambda folder: {"path": "/c", "writable": False, "free_bytes": 5e8})
    cannot, little = doctor.examine()["problems"]
    assert cannot == "/c cannot be written: set TLZOO_CACHE to a folder that can."
    assert little == "Only 0.5 GB are free at /c."


def test_a_gpu_tensorflow_cannot_use_is_named(home, monkeypatch):
    monkeypatch.setattr(doctor, "_gpus", lambda: ["NVIDIA Toy"])
    assert doctor.examine()["problems"] == []  # not asked, not known
    monkeypatch.setattr(doctor, "_tensorflow", lambda: {"devices": ["CPU: /cpu:0"]})
    (problem,) = doctor.examine(deep=True)["problems"]
    assert "GPU that TensorFlow does not see" in problem


def test_gpus_are_found_by_the_drivers_own_tool(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA Toy'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert doctor._gpus()[:1] != []
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert isinstance(doctor._gpus(), list)

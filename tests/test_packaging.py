"""What is installed is what is here: cards inside the package, every import declared."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTIONS = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "tensorflow_serving": "tensorflow-serving-api",
    "skimage": "scikit-image",
    "google": "protobuf",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "grpc_reflection": "grpcio-reflection",
    "rapidjson": "python-rapidjson",
}
BY_NAME = {"httptools"}
"""What other packages import for us, by a name we give them."""


def imported(folder):
    """Top-level names of all modules that the code of a folder imports, at module level or inside functions."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"tlzoo"}


def test_every_import_is_a_declared_requirement_and_every_requirement_is_imported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=]", line)[0] for line in project["dependencies"]}
    extras = project["optional-dependencies"]
    optional = {
        re.split(r"[<>=]", line)[0]
        for extra in ("tables", "vectors", "tune", "apps", "medical")
        for line in extras[extra]
    }
    names = {
        DISTRIBUTIONS.get(name, name.replace("_", "-"))
        for name in imported(ROOT / "tlzoo") | imported(ROOT / "apps")
    }
    assert names - optional - BY_NAME == declared - BY_NAME


def test_the_version_is_stated_once_and_again_the_same():
    import tlzoo

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == tlzoo.__version__


@pytest.mark.parametrize("script", ["scripts/quickstart", "scripts/test", "scripts/check", ".ci/run"])
def test_scripts_run_and_fail_early(script):
    path = ROOT / script
    text = path.read_text()
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "set -euo pipefail" in text
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", str(path)], capture_output=True).stderr == b""


@pytest.mark.parametrize("version", ["3.10", "3.14", "nonsense"])
def test_an_old_python_is_refused_in_words(tmp_path, version):
    """Every Python that can be found says it is of another version."""
    for name in ("python3.11", "python3.12", "python3.13", "python3", "python"):
        fake = tmp_path / name
        fake.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Python {version}"\nexit 1\n')
        fake.chmod(0o755)
    script = f"cd {tmp_path}; source {ROOT}/scripts/venv.sh; use_venv base; echo not reached"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    for name in ("pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: no Python 3.11, 3.12 or 3.13 found (python3 is Python {version})")
    assert "PYTHON=/path/to/python3.11" in done.stderr
    assert "not reached" not in done.stdout


def test_a_second_setup_is_quick_and_says_so(tmp_path):
    """With a stamp that matches, nothing is installed."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    for name in ("pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    script = f"""
cd {tmp_path}; source {ROOT}/scripts/venv.sh
cat pyproject.toml setup.py | cksum > .venv/.tlzoo-dev
use_venv dev
"""
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().startswith("== Using .venv as it is (Python 3.")


@pytest.mark.slow
def test_an_installed_wheel_brings_its_zoo(tmp_path):
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("tlzoo", "zoo", "apps"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("tlzoo-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tlzoo").rglob("*.py")}
    cards = {
        "tlzoo/_zoo" + path.as_posix().removeprefix(f"{ROOT}/zoo") for path in (ROOT / "zoo").rglob("*.toml")
    }
    templates = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "tlzoo/evaluation/templates").iterdir()
    }
    apps = {
        "tlzoo/_apps" + path.as_posix().removeprefix(f"{ROOT}/apps")
        for path in (ROOT / "apps").rglob("*")
        if path.suffix in (".py", ".toml", ".css") or path.parent.name == "examples"
    }
    assert here | cards | templates | apps | {"tlzoo/py.typed"} <= files
    site = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "TLZOO_CACHE": str(tmp_path / "cache")}
    code = "import tlzoo.paths; print(tlzoo.paths.zoo_dir())"
    said = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment, cwd=tmp_path)
    assert said.strip() == str(site / "tlzoo" / "_zoo")
    listed = subprocess.check_output(
        [sys.executable, "-m", "tlzoo", "list"], text=True, env=environment, cwd=tmp_path
    )
    assert f"{len(list((ROOT / 'zoo/backbones').glob('*.toml')))} backbones" in listed
    told = subprocess.check_output(
        [sys.executable, "-m", "tlzoo", "app"], text=True, env=environment, cwd=tmp_path
    )
    assert "teach" in told

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def test_good_data_exits_with_0(run, photos, cache):
    said = run("data", "check", str(photos), "-q")
    assert (said.code, said.err) == (0, "")
    assert "24 in 2 classes" in said.out
    assert "cats       12" in said.out
    assert said.out.splitlines()[-1].startswith("- ")


def test_json_has_every_finding(run, photos, cache):
    found = run("data", "check", str(photos), "--json").json
    assert found["ok"] is True
    assert found["classes"] == {"cats": 12, "dogs": 12}
    assert {"broken", "leaks", "duplicates", "tiny_classes", "sizes", "verdict"} <= set(found)


def test_what_would_spoil_training_exits_with_3(run, photos, cache):
    (photos / "cats" / "3.png").write_bytes(b"not a picture")
    said = run("data", "check", str(photos), "-q")
    assert said.code == 3
    assert "3.png" in said.out
    assert "Traceback" not in said.err


def test_what_is_not_there_is_refused(run, tmp_path, cache):
    said = run("data", "check", str(tmp_path / "nope"))
    assert (said.code, said.out) == (2, "")
    assert "nope" in said.err


def test_data_alone_asks_for_a_command(run):
    said = run("data")
    assert said.code == 2
    assert "COMMAND" in said.err

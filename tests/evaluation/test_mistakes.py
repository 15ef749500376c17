import json
from pathlib import Path

import numpy as np
from PIL import Image

from tlzoo.errors import DataError
from tlzoo.evaluation.attribution import Push
from tlzoo.evaluation.mistakes import thumbnail, worst_mistakes, write_mistakes


def test_worst_first():
    labels = np.array([0, 0, 1, 1, 1])
    probabilities = np.array([[0.4, 0.6], [0.1, 0.9], [0.2, 0.8], [0.7, 0.3], [0.9, 0.1]])
    found = worst_mistakes(labels, probabilities, np.array([50, 40, 30, 20, 10]))
    assert [each.index for each in found] == [10, 40, 20, 50]  # 10 and 40 tie
    assert (found[0].label, found[0].predicted, found[0].probability, found[0].probability_of_label) == (
        1,
        0,
        0.9,
        0.1,
    )
    assert [each.index for each in worst_mistakes(labels, probabilities, np.arange(5), limit=2)] == [1, 4]


def test_no_mistakes(tmp_path):
    assert worst_mistakes(np.array([0, 1]), np.eye(2), np.arange(2)) == []
    assert write_mistakes(tmp_path, [], [], ["a", "b"]) == []
    assert json.loads((tmp_path / "mistakes" / "mistakes.json").read_text()) == []


def test_writes_small_pictures_in_place_of_old_ones(tmp_path):
    mistakes = worst_mistakes(np.array([0, 0]), np.array([[0.4, 0.6], [0.1, 0.9]]), np.arange(2))
    items = [Path("photos/a.png"), np.zeros((20, 30, 3), np.uint8)]
    (tmp_path / "mistakes").mkdir()
    (tmp_path / "mistakes" / "old.png").write_bytes(b"")
    entries = write_mistakes(
        tmp_path, mistakes, items, ["cat", "dog"], lambda item: np.zeros((300, 600, 3), np.uint8)
    )
    assert [entry["item"] for entry in entries] == ["array:1", "photos/a.png"]
    assert entries[0] == {"file": "000.png", "item": "array:1", "label": "cat", "predicted": "dog",
                          "probability": 0.9, "probability_of_label": 0.1}  # fmt: skip
    for name, size in {"000.png": (30, 20), "001.png": (160, 80)}.items():
        with Image.open(tmp_path / "mistakes" / name) as picture:
            assert picture.size == size
    assert sorted(path.name for path in (tmp_path / "mistakes").iterdir()) == [
        "000.png",
        "001.png",
        "mistakes.json",
    ]
    assert json.loads((tmp_path / "mistakes" / "mistakes.json").read_text()) == entries


def test_an_unreadable_item_keeps_its_entry(tmp_path):
    def broken(item):
        raise DataError("broken")

    mistakes = worst_mistakes(np.array([0]), np.array([[0.1, 0.9]]), np.arange(1))
    assert write_mistakes(tmp_path, mistakes, [Path("gone.png")], ["a", "b"], broken)[0]["file"] == ""


def test_texts_keep_their_beginning(tmp_path):
    mistakes = worst_mistakes(np.array([0]), np.array([[0.1, 0.9]]), np.arange(1))
    entry = write_mistakes(tmp_path, mistakes, ["אבג " * 5000], ["a", "b"], names=["row:1"])[0]
    assert (entry["file"], entry["item"]) == ("", "row:1")
    assert entry["text"] == ("אבג " * 5000)[:2000]
    assert entry["cut"] is True
    assert "pushes" not in entry


def test_texts_carry_what_pushed_them(tmp_path):
    mistakes = worst_mistakes(np.array([0, 0]), np.array([[0.1, 0.9], [0.2, 0.8]]), np.arange(2))
    pushes = [[Push("so ", 0.0, 0.01), Push("bad", -1.0, -2.5)]]
    entries = write_mistakes(tmp_path, mistakes, ["so bad", "well"], ["a", "b"], pushes=pushes)
    assert entries[0]["cut"] is False
    assert entries[0]["pushes"][1] == {"text": "bad", "weight": -1.0, "score": -2.5}
    assert "pushes" not in entries[1]
    assert json.loads((tmp_path / "mistakes" / "mistakes.json").read_text()) == entries


def test_grey_pictures():
    assert thumbnail(np.zeros((400, 200), np.uint8)).shape == (160, 80, 3)
    assert thumbnail(np.zeros((40, 20, 1), np.uint8)).shape == (40, 20, 3)

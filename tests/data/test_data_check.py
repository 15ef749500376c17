from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, gradient, noise, write_folder
from PIL import Image

from tlzoo.data.check import check
from tlzoo.data.duplicates import difference_hash, near, same, thumbnail
from tlzoo.errors import DataError


def test_a_healthy_folder(tmp_path: Path) -> None:
    found = check(write_folder(tmp_path / "d", {"a": 12, "b": 14}, side=40))
    assert found.ok
    assert found.verdict == ["26 images of 2 classes; nothing is wrong with them."]
    assert found.classes == {"a": 12, "b": 14}
    assert found.sizes == {"smallest": [44, 40], "median": [44, 40], "largest": [44, 40], "distinct": 1}
    assert found.modes == {"RGB": 26}
    assert found.formats == {"PNG": 26}
    assert json.loads(json.dumps(found.to_json()))["ok"] is True


def test_broken_files_are_all_named(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", {"a": 12, "b": 12}, side=40)
    (root / "a" / "empty.jpg").write_bytes(b"")
    (root / "a" / "letter.jpg").write_text("Dear Sir, " * 20)
    (root / "b" / "cut.png").write_bytes(encoded(noise(40, 40, 0), "PNG")[:2000])
    found = check(root)
    assert not found.ok
    assert dict(found.broken).keys() == {"a/empty.jpg", "a/letter.jpg", "b/cut.png"}
    assert "truncated" in dict(found.broken)["b/cut.png"]
    assert "3 of 27 images cannot be read" in (found.refusal or "")
    assert found.verdict[0].startswith("Cannot be learned from: 3 of 27")
    assert "3 images cannot be decoded, such as 'a/empty.jpg': the file is empty." in found.verdict[1]


def test_leaks_and_conflicts(tmp_path: Path) -> None:
    root = tmp_path / "d"
    write_folder(root / "train", {"a": 12, "b": 12}, side=64)
    write_folder(root / "test", {"a": 12, "b": 12}, seed=500, side=64)
    shutil.copy(root / "train" / "a" / "003.png", root / "test" / "a" / "copy.png")
    smooth = Image.fromarray(gradient(64, 96))
    smooth.save(root / "train" / "a" / "smooth.png")
    smooth.resize((72, 48)).save(root / "test" / "b" / "smooth.jpg", quality=90)
    found = check(root)
    assert not found.ok
    assert found.splits == {"test": 26, "train": 25}
    assert found.duplicates == [["test/a/copy.png", "train/a/003.png"]]
    assert found.near_duplicates == [("test/b/smooth.jpg", "train/a/smooth.png")]
    assert len(found.leaks) == 2
    assert found.conflicts == [("test/b/smooth.jpg", "b", "train/a/smooth.png", "a")]
    words = " ".join(found.verdict)
    assert "2 pairs of the same image in different splits" in words
    assert "1 pair of the same image with different labels" in words
    assert "the test score would flatter" in words


def test_shapes_balance_and_litter(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", {"a": 40, "b": 5}, side=40)
    Image.fromarray(noise(8, 9, 1)).save(root / "a" / "small.png")
    Image.fromarray(noise(40, 300, 1)).convert("L").save(root / "a" / "long.jpg")
    (root / "a" / "list.txt").write_text("x")
    found = check(root)
    assert found.ok
    assert found.small == ["a/small.png"]
    assert found.long == ["a/long.jpg"]
    assert found.tiny_classes == {"b": 5}
    assert found.imbalance == 8.4
    assert found.modes == {"RGB": 46, "L": 1}
    words = " ".join(found.verdict)
    for piece in (
        "Few examples of 'b' (5)",
        "The largest class is 8.4 times the smallest; always answering 'a' is right 89.4%",
        "1 image under 32 pixels on a side, such as 'a/small.png'",
        "1 image more than 4 times longer than wide",
        "1 file ignored, such as a/list.txt (not an image's suffix)",
        "47 images of 2 classes in all.",
    ):
        assert piece in words


def test_one_class_is_reported_not_raised(tmp_path: Path) -> None:
    found = check(write_folder(tmp_path / "d", {"a": 12}, side=40))
    assert "one class only" in (found.refusal or "")
    assert not found.ok


def test_what_cannot_be_listed_raises(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds nothing"):
        check(tmp_path)


def test_arrays_can_be_checked() -> None:
    images = np.stack([noise(40, 40, seed) for seed in range(24)])
    found = check((images, [0, 1] * 12))
    assert found.formats == {"array": 24}
    assert found.ok


def test_same() -> None:
    assert same(["x", "y", "x", "", "", "x"]) == [[0, 2, 5]]


@pytest.mark.parametrize("quality", [30, 60, 95])
def test_copies_are_near_and_strangers_are_not(quality: int) -> None:
    rng = np.random.default_rng(0)
    scenes = [
        np.asarray(Image.fromarray(rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)).resize((200, 160)))
        for _ in range(30)
    ]
    copies = [
        np.asarray(
            Image.open(
                io.BytesIO(encoded(Image.fromarray(scene).resize((128, 100)), "JPEG", quality=quality))
            )
        )
        for scene in scenes
    ]
    thumbnails = np.stack([thumbnail(image) for image in [*scenes, *copies]])
    pairs = near(thumbnails, [str(index) for index in range(60)])
    assert set(pairs) <= {(index, index + 30) for index in range(30)}
    assert len(pairs) >= 28


def test_blank_images_are_not_called_alike() -> None:
    blank = np.stack([thumbnail(np.full((9, 9, 3), level, np.uint8)) for level in (0, 0, 255)])
    assert near(blank, ["a", "b", "c"]) == []
    assert difference_hash(blank).tolist() == [0, 0, 0]

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, gradient, noise, write_folder
from PIL import Image

from tlzoo.data.load import load
from tlzoo.errors import DataError, UsageError


def test_a_folder_per_class(photos: Path) -> None:
    data = load(photos)
    assert data.name == "photos"
    assert data.class_names == ("cat", "dog")
    assert data.counts() == {"cat": 8, "dog": 6}
    assert len(data) == 14
    assert data.labels.dtype == np.int64
    assert data.keys[0] == "cat/000.png"
    assert data.given_split is None
    assert data.skipped == ()
    assert load(str(photos), name="mine").name == "mine"


def test_numbers_as_classes_are_ordered_by_number(tmp_path: Path) -> None:
    assert load(write_folder(tmp_path / "d", {"10": 2, "9": 2, "1": 2})).class_names == ("1", "9", "10")


def test_litter_is_ignored_and_strangers_are_reported(photos: Path) -> None:
    (photos / ".DS_Store").write_bytes(b"x")
    (photos / "cat" / ".hidden.png").write_bytes(b"x")
    (photos / "cat" / "Thumbs.db").write_bytes(b"x")
    shutil.copytree(photos / "cat", photos / "__MACOSX" / "cat")
    (photos / "README.md").write_text("hello")
    (photos / "dog" / "notes.txt").write_text("hello")
    data = load(photos)
    assert data.counts() == {"cat": 8, "dog": 6}
    assert data.ignored == (
        "README.md (outside the class folders)",
        "dog/notes.txt (not an image's suffix)",
    )


def test_nested_folders_belong_to_their_class_and_links_do_not_loop(photos: Path) -> None:
    (photos / "cat" / "2024").mkdir()
    (photos / "cat" / "000.png").rename(photos / "cat" / "2024" / "a.PNG")
    (photos / "cat" / "2024" / "again").symlink_to(photos / "cat")
    data = load(photos)
    assert data.counts() == {"cat": 8, "dog": 6}
    assert "cat/2024/a.PNG" in data.keys


def test_a_lone_folder_inside_is_entered(photos: Path, tmp_path: Path) -> None:
    outer = tmp_path / "archive"
    outer.mkdir()
    photos.rename(outer / "photos-v2")
    assert load(outer).class_names == ("cat", "dog")


@pytest.mark.parametrize("word", ["val", "valid", "validation", "Val"])
def test_given_splits(tmp_path: Path, word: str) -> None:
    for number, split in enumerate(("train", word, "test")):
        write_folder(tmp_path / "d" / split, {"a": 3, "b": 3}, seed=100 * number)
    data = load(tmp_path / "d")
    assert data.given_split is not None
    assert sorted(set(data.given_split)) == ["test", "train", "validation"]
    assert [len(indices) for _, indices in data.split(seed=0).items()] == [6, 6, 6]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    data = load(write_folder(tmp_path / "traffic", {"train": 3, "bus": 3, "car": 3}))
    assert data.class_names == ("bus", "car", "train")
    assert data.given_split is None


@pytest.mark.parametrize(
    ("build", "words", "advice"),
    [
        ({}, "holds nothing and no folders", "folder per class"),
        ({"cat": 3}, "has one class only, 'cat'", "Add a folder"),
        ({"cat": 3, "dog": 1}, r"too few examples of 'dog' \(1\)", "Add images of it"),
        ({"cat": 0, "dog": 0}, "holds no images", "Check the path"),
        (
            {"train/cat": 3, "train/dog": 3, "test/cat": 2, "test/elk": 2},
            "'elk': in the test",
            "training examples",
        ),
        ({"test/cat": 3, "test/dog": 3}, "no train folder", "Add train/"),
        ({"train/cat": 3, "test/cat": 3, "extra/cat": 2}, "splits .* beside extra", "Move the other folders"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    tmp_path: Path, build: dict[str, int], words: str, advice: str
) -> None:
    root = tmp_path / "d"
    root.mkdir()
    write_folder(root, build)
    with pytest.raises(DataError, match=words) as caught:
        load(root)
    assert caught.value.allowed
    assert advice in caught.value.do


def test_loose_images_are_explained(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="holds 1 image and no folders"):
        load(tmp_path)


def break_some(photos: Path) -> None:
    (photos / "cat" / "000.png").write_bytes(b"")
    (photos / "dog" / "000.png").write_text("not an image at all, just words")


def test_broken_files_are_refused_above_a_small_share(photos: Path) -> None:
    break_some(photos)
    with pytest.raises(
        DataError, match=r"2 of 14 images cannot be read \('cat/000.png': the file is empty; "
    ) as caught:
        load(photos)
    assert "at most 2.0%" in caught.value.allowed
    assert "tlzoo data check" in caught.value.do
    with pytest.raises(DataError, match="none of them"):
        load(photos, on_broken="refuse")


@pytest.mark.parametrize("on_broken", ["skip", 0.2, 1])
def test_broken_files_are_skipped_on_request(photos: Path, on_broken: str | float) -> None:
    break_some(photos)
    data = load(photos, on_broken=on_broken)
    assert len(data) == 12
    assert dict(data.skipped) == {
        "cat/000.png": "the file is empty",
        "dog/000.png": "not an image, or of a format nobody here knows",
    }


def test_cut_jpegs_are_noticed_at_once(photos: Path) -> None:
    (photos / "cat" / "cut.jpg").write_bytes(encoded(noise(50, 50, 0), "JPEG")[:-400])
    assert load(photos, on_broken="skip").skipped == (("cat/cut.jpg", "the file is cut short"),)


def test_on_broken_must_make_sense(photos: Path) -> None:
    with pytest.raises(UsageError, match="on_broken='perhaps'"):
        load(photos, on_broken="perhaps")
    with pytest.raises(UsageError, match=r"on_broken=1\.5"):
        load(photos, on_broken=1.5)


def test_fingerprint_knows_contents_and_labels_and_nothing_else(photos: Path, tmp_path: Path) -> None:
    before = load(photos)
    moved = tmp_path / "elsewhere"
    shutil.copytree(photos, moved)
    assert load(moved).fingerprint == before.fingerprint
    assert before.subset(range(14)).fingerprint == before.fingerprint
    assert before.subset(range(13, -1, -1)).fingerprint == before.fingerprint
    (moved / "cat" / "000.png").rename(moved / "dog" / "zzz.png")
    assert load(moved).fingerprint != before.fingerprint
    Image.fromarray(noise(9, 9, 5)).save(photos / "cat" / "000.png")
    assert load(photos).fingerprint != before.fingerprint


def test_splits_ignore_names_and_places(photos: Path, tmp_path: Path) -> None:
    before = load(photos)
    moved = tmp_path / "elsewhere"
    shutil.copytree(photos, moved)
    for path in sorted((moved / "cat").iterdir()):
        path.rename(path.with_name(f"{900 - int(path.stem)}.png"))
    after = load(moved)
    test = {before.digests[i] for i in before.split(seed=4).test}
    assert {after.digests[i] for i in after.split(seed=4).test} == test


def test_subset_and_without(photos: Path) -> None:
    data = load(photos)
    part = data.subset([13, 0])
    assert part.keys == ("dog/005.png", "cat/000.png")
    assert part.labels.tolist() == [1, 0]
    assert data.without({}) is data
    less = data.without({3: "soaked"})
    assert len(less) == 13
    assert less.skipped == (("cat/003.png", "soaked"),)


def test_unknown_sources_and_options(photos: Path) -> None:
    with pytest.raises(UsageError, match="no data set or path 'elpw'") as caught:
        load("elpw")
    assert "Did you mean 'elpv'?" in caught.value.do
    with pytest.raises(UsageError, match="no data set can be made of a int"):
        load(7)
    with pytest.raises(UsageError, match="option 'on_brokn' for a source that takes none"):
        load(photos, on_brokn="skip")


def test_progress_is_told(photos: Path) -> None:
    told: list[tuple[int, int | None, str]] = []
    load(photos, progress=lambda *values: told.append(values))
    assert told[-1] == (14, 14, "looking at images")


def test_loading_needs_no_tensorflow(photos: Path) -> None:
    code = (
        "import sys; from tlzoo.data.load import load; from tlzoo.data.check import check; "
        f"load({str(photos)!r}).split(seed=0); check({str(photos)!r}); "
        "assert not {'tensorflow', 'keras', 'sklearn', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_thousands_of_files_load_in_seconds(tmp_path: Path) -> None:
    content = encoded(noise(64, 64, 0), "PNG")
    for label in ("a", "b"):
        (tmp_path / "d" / label).mkdir(parents=True)
        for index in range(1300):
            (tmp_path / "d" / label / f"{index}.png").write_bytes(content + str(index).encode())
    load(tmp_path / "d")
    start = time.process_time()
    load(tmp_path / "d").split(seed=0)
    assert time.process_time() - start < 3

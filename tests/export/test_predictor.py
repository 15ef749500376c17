import csv
import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from tests.export.tiny_classifier import HOSTILE, SIZE, encoded
from tlzoo.data.images import read_image
from tlzoo.errors import BundleError, DataError
from tlzoo.export.predictor import Prediction, Predictor, write_csv


@pytest.fixture(scope="module")
def predictor(bundle_dir):
    return Predictor.load(bundle_dir, verify=True)


@pytest.fixture
def folder(tmp_path):
    photos = tmp_path / "photos"
    (photos / "inner").mkdir(parents=True)
    (photos / "b.jpg").write_bytes(encoded("JPEG", (30, 40), 1))
    (photos / "a.PNG").write_bytes(encoded("PNG", (10, 10), 2))
    (photos / "inner" / "c.tiff").write_bytes(encoded("TIFF", (25, 25), 3))
    (photos / "inner" / "broken.jpg").write_bytes(encoded("JPEG", (30, 40), 1)[:60])
    (photos / "notes.txt").write_text("no image")
    return photos


def test_a_folder_in_order_with_its_broken_file(predictor, folder):
    found = predictor.predict([folder], batch_size=2)
    assert [p.item.removeprefix(f"{folder}/") for p in found] == [
        "a.PNG",
        "b.jpg",
        "inner/broken.jpg",
        "inner/c.tiff",
    ]
    assert [p.error is None for p in found] == [True, True, False, True]
    assert "broken.jpg' cannot be read" in found[2].error
    for one in found[:2]:
        assert one.label in HOSTILE
        assert one.score == max(one.probabilities.values())
        assert list(one.probabilities) == list(HOSTILE)
        assert sum(one.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_every_kind_of_item_gives_the_same_answer(predictor, tmp_path):
    content = encoded("PNG", (33, 21), 4)
    path = tmp_path / "one.png"
    path.write_bytes(content)
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    items = [path, str(path), content, pixels, pixels.astype(np.float32), pixels / 255.0, Image.open(path)]
    found = predictor.predict(items)
    assert [p.error for p in found] == [None] * len(items)
    names = ["array:3", "array:4", "array:5", "image:6"]
    assert [p.item for p in found] == [str(path), str(path), "bytes:2", *names]
    for one in found:
        assert one.label == found[0].label
        np.testing.assert_allclose(
            list(one.probabilities.values()), list(found[0].probabilities.values()), atol=1e-5
        )


def test_one_item_needs_no_list(predictor):
    assert len(predictor.predict(encoded("PNG", SIZE))) == 1
    assert len(predictor.predict(np.zeros((8, 9, 3), np.uint8))) == 1
    assert len(predictor.predict(np.zeros((2, 8, 9, 3), np.uint8))) == 2
    assert predictor.predict([]) == []


def test_tiff_is_read_as_the_data_room_reads_it(predictor):
    content = encoded("TIFF", (25, 25), 3)
    by_file, by_pixels = predictor.predict([content, read_image(content)])
    assert by_file.probabilities == by_pixels.probabilities


def test_top_is_sorted(predictor):
    content = encoded("PNG", SIZE, 5)
    everything = predictor.predict(content)[0].probabilities
    top = predictor.predict(content, top=2)[0]
    assert list(top.probabilities.items()) == sorted(everything.items(), key=lambda pair: -pair[1])[:2]
    assert next(iter(top.probabilities)) == top.label


@pytest.mark.parametrize("item", [b"", b"hello", b"\x89PNG\r\n\x1a\nxx", "missing.jpg", np.zeros((3, 3, 7))])
def test_what_cannot_be_read_is_reported_or_raised(predictor, item):
    good = encoded("PNG", SIZE)
    found = predictor.predict([good, item, good])
    assert [p.error is None for p in found] == [True, False, True]
    assert found[1].label is None
    assert found[1].probabilities == {}
    with pytest.raises(DataError):
        predictor.predict([item], on_error="raise")


def test_an_empty_folder_says_so(predictor, tmp_path):
    assert "holds no images" in predictor.predict(tmp_path)[0].error


def test_a_stream_takes_no_more_than_it_needs(predictor):
    taken = []

    def endless():
        content = encoded("PNG", SIZE)
        while True:
            taken.append(1)
            yield content

    stream = predictor.stream(endless(), batch_size=4)
    for _ in range(4):
        next(stream)
    stream.close()
    assert len(taken) <= 12


def test_memory_is_flat(predictor):
    one = 200 * 200 * 3
    arrays = (np.full((200, 200, 3), index % 251, np.uint8) for index in range(300))
    tracemalloc.start()
    assert sum(1 for _ in predictor.stream(arrays)) == 300
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * one


def test_csv(predictor, folder, tmp_path):
    path = tmp_path / "out" / "found.csv"
    assert write_csv(predictor.stream([folder]), path) == 4
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["item", "label", "score", *HOSTILE, "error"]
    assert rows[0]["label"] in HOSTILE
    assert float(rows[0]["score"]) == max(float(rows[0][name]) for name in HOSTILE)
    assert rows[2]["label"] == rows[2]["score"] == ""
    assert "cannot be read" in rows[2]["error"]
    assert [p.name for p in path.parent.iterdir()] == ["found.csv"]


def test_csv_with_a_first_broken_item_and_with_given_classes(tmp_path):
    predictions = [Prediction("x", error="broken"), Prediction("\udc80y", "b", 0.75, {"b": 0.75})]
    path = tmp_path / "found.csv"
    write_csv(iter(predictions), path, class_names=["a", "b"])
    lines = path.read_bytes().decode(errors="surrogateescape").splitlines()
    assert lines == ["item,label,score,a,b,error", "x,,,,,broken", "\udc80y,b,0.75,,0.75,"]
    write_csv(iter(predictions), path)
    assert path.read_bytes().splitlines()[0] == b"item,label,score,b,error"


def test_a_csv_that_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "found.csv"
    path.write_text("old")

    def failing():
        yield Prediction("x", "a", 1.0, {"a": 1.0})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_csv(failing(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_bundle_is_named(tmp_path):
    with pytest.raises(BundleError, match="numbered version"):
        Predictor.load(tmp_path)

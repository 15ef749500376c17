from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from pictures import noise, write_folder
from PIL import Image

from tlzoo.data import memory
from tlzoo.data.load import load
from tlzoo.errors import DataError

IMAGES = np.stack([noise(6, 5, seed) for seed in range(8)])
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (IMAGES, IMAGES),
        (IMAGES.astype(np.float32), IMAGES),
        (IMAGES.astype(np.float64) / 255, IMAGES),
        (IMAGES[..., 0], np.repeat(IMAGES[..., :1], 3, axis=-1)),
        (list(IMAGES), IMAGES),
        ([Image.fromarray(image) for image in IMAGES], IMAGES),
    ],
)
def test_images_of_many_kinds(images: object, expected: np.ndarray) -> None:
    data = load((images, LABELS))
    np.testing.assert_array_equal(np.stack(data.items), expected)
    assert data.keys[:2] == ("array:0", "array:1")
    assert data.source == "arrays"


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (LABELS, ("0", "1", "2")),
        (LABELS[:, None], ("0", "1", "2")),
        (LABELS.astype(np.float32), ("0", "1", "2")),
        (np.eye(3)[LABELS], ("0", "1", "2")),
        (["b", "a", "c"] * 2 + ["b", "a"], ("a", "b", "c")),
        ([b"b", b"a", b"c"] * 2 + [b"b", b"a"], ("a", "b", "c")),
    ],
)
def test_labels_of_many_kinds(labels: object, names: tuple[str, ...]) -> None:
    assert load((IMAGES, labels)).class_names == names


def test_lengths_must_agree() -> None:
    with pytest.raises(DataError, match="8 images and 7 labels"):
        load((IMAGES, LABELS[:7]))


def pipeline(images: np.ndarray = IMAGES, labels: np.ndarray = LABELS) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((images, labels))


@pytest.mark.parametrize(
    "made",
    [
        pipeline(),
        pipeline().batch(3),
        pipeline(IMAGES.astype(np.float32) / 255).batch(3),
        pipeline(IMAGES.astype(np.float32)),
        pipeline(labels=np.eye(3, dtype=np.float32)[LABELS]),
        pipeline(labels=np.eye(3, dtype=np.float32)[LABELS]).batch(4),
        pipeline().map(lambda image, label: {"image": image, "label": label}),
        pipeline().map(lambda image, label: (image, label, 1.0)).batch(5),
    ],
)
def test_pipelines_of_many_kinds(made: tf.data.Dataset) -> None:
    data = load(made)
    np.testing.assert_array_equal(np.stack(data.items), IMAGES)
    assert data.labels.tolist() == LABELS.tolist()
    assert data.given_split is None


def test_pipelines_in_a_row_are_splits() -> None:
    data = load((pipeline().take(4), pipeline().skip(4).take(2), pipeline().skip(6)))
    assert data.given_split == ("train",) * 4 + ("validation",) * 2 + ("test",) * 2
    pair = load((pipeline(), pipeline(IMAGES + 1).batch(2)))
    assert pair.given_split == ("train",) * 8 + ("validation",) * 8


def test_keras_folders_keep_their_names(tmp_path: object) -> None:
    made = keras.utils.image_dataset_from_directory(
        write_folder(tmp_path, {"cat": 4, "dog": 4}), image_size=(20, 24), batch_size=3, verbose=False
    )
    data = load(made)
    assert data.class_names == ("cat", "dog")
    assert data.counts() == {"cat": 4, "dog": 4}


def test_endless_and_huge_pipelines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="repeats for ever") as caught:
        load(pipeline().repeat())
    assert ".repeat()" in caught.value.do
    with pytest.raises(DataError, match="no pairs"):
        load(tf.data.Dataset.range(3))
    monkeypatch.setattr(memory, "_MOST_BYTES", 100)
    with pytest.raises(DataError, match="GiB of pixels") as caught:
        load(pipeline())
    assert "folder per class" in caught.value.do

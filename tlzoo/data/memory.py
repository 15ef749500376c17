"""Arrays, lists of texts and `tf.data` pipelines as sources. TensorFlow is used only if the caller has imported it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlzoo.data.convert import from_array, to_uint8
from tlzoo.data.listing import Listing
from tlzoo.data.reading import Reading
from tlzoo.data.splits import NAMES
from tlzoo.data.texts import add_strings, read_strings
from tlzoo.errors import DataError

_MOST_BYTES = 4 * 2**30
_PAIRS = "elements (image, label) or (text, label), or batches of them."


def read_memory(source: Any, asked: Reading | None = None) -> Listing | None:
    """Lists `(images, labels)` arrays, `(texts, labels)`, a `tf.data.Dataset`, or a tuple of two or three of those.

    Args:
        source: Images uint8 or float `(n, h, w[, c])`, or a list of images of different sizes; labels int,
            string or one-hot; numbers, or for several labels rows of zeros and ones, lists of names or names with a
            separator between them, by task. Pipelines are read to their end and kept in memory as uint8. Texts are
            strings.
        asked: What is to be learned, and for texts whether HTML's entities are undone.

    Returns:
        None if it is none of these.

    Raises:
        DataError: Lengths differ, the pipeline repeats for ever, or it is larger than memory should hold.

    Example:
        >>> read_memory((np.zeros((2, 4, 4), np.uint8), ["a", "b"])).keys
        ['array:0', 'array:1']
    """
    asked = asked or Reading()
    if _is_pipeline(source):
        return _from_pipelines([source], asked)
    if not isinstance(source, (tuple, list)):
        return None
    if len(source) in (2, 3) and all(_is_pipeline(part) for part in source):
        return _from_pipelines(list(source), asked)
    if len(source) == 2 and not any(isinstance(part, (str, bytes)) for part in source):
        return _from_arrays(source[0], source[1], asked)
    return None


def _is_pipeline(value: Any) -> bool:
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(value, tensorflow.data.Dataset)


def _from_arrays(images: Any, labels: Any, asked: Reading) -> Listing:
    if _are_texts(images):
        asked.refuse_modality("texts", "text")
        return read_strings(list(images), _each(labels, asked), asked)
    asked.refuse_modality("arrays of images", "image")
    words = _words(labels, asked)
    if len(images) != len(words):
        raise DataError(
            f"{len(images)} images and {len(words)} labels.",
            allowed="as many labels as images.",
            do="Match them.",
        )
    listing = Listing(name="arrays", source="arrays")
    _add(listing, _images(images), words, None)
    return listing


def _are_texts(values: Any) -> bool:
    """Tells by the first ones, of which some may be missing; the others are looked at where they are read."""
    return any(isinstance(value, (str, bytes)) for value in islice(values, 20))


def _each(labels: Any, asked: Reading) -> list[Any]:
    """Returns one label after another; the largest of each row where they are one-hot."""
    if getattr(labels, "ndim", 1) == 2:
        return _words(labels, asked)
    return labels.tolist() if isinstance(labels, np.ndarray) else list(labels)


def _images(images: Any) -> list[NDArray[np.uint8]]:
    if hasattr(images, "ndim") and images.ndim >= 3:
        # One range for all: a single dark image among floats must not decide for itself.
        return [from_array(image) for image in to_uint8(np.asarray(images))]
    return [from_array(np.asarray(image)) for image in images]


def _words(given: Any, asked: Reading) -> list[str]:
    kind = asked.kind
    if kind.task == "multilabel":
        sets = _sets(given) if hasattr(given, "ndim") else given
        return [kind.read(each, f"label {at}") for at, each in enumerate(sets)]
    labels = np.asarray(given)
    if kind.task == "regression":
        return [kind.read(_word(each), f"label {at}") for at, each in enumerate(_flat(labels).tolist())]
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(1)
    labels = labels.reshape(len(labels))
    if labels.dtype.kind == "f":
        labels = labels.astype(np.int64)
    return [_word(label) for label in labels.tolist()]


def _flat(labels: NDArray[Any]) -> NDArray[Any]:
    """Returns numbers (n,), of a column of them too."""
    if labels.ndim > 1 and labels.size != len(labels):
        raise DataError(
            f"labels of shape {labels.shape}.", allowed="one number for each item.", do="Choose a column."
        )
    return labels.reshape(-1)


def _sets(labels: NDArray[Any]) -> list[Any]:
    """Returns the labels of each item: the numbers of the columns that hold 1 where there are columns."""
    if labels.ndim == 1:
        return labels.tolist()
    if not np.isin(labels, (0, 1)).all():
        raise DataError(
            f"several labels as numbers from {labels.min()} to {labels.max()}.",
            allowed="0 where a label is wrong, 1 where it is right.",
            do="Round them.",
        )
    return [[str(at) for at in np.flatnonzero(row)] for row in labels]


def _word(label: Any) -> str:
    return label.decode() if isinstance(label, bytes) else str(label)


def _add(listing: Listing, images: Sequence[NDArray[np.uint8]], words: list[str], split: str | None) -> None:
    start = len(listing.items)
    listing.items.extend(images)
    listing.keys.extend(f"array:{start + index}" for index in range(len(images)))
    listing.labels.extend(words)
    if listing.splits is not None:
        listing.splits.extend([split] * len(images))


def _from_pipelines(pipelines: list[Any], asked: Reading) -> Listing:
    texts = _gives_texts(pipelines[0])
    asked.refuse_modality(
        "a tf.data.Dataset of " + ("texts" if texts else "images"), "text" if texts else "image"
    )
    listing = (Listing.of_texts if texts else Listing)("pipeline", "tf.data")
    several = len(pipelines) > 1
    listing.splits = [] if several else None
    named = getattr(pipelines[0], "class_names", None)
    for pipeline, split in zip(pipelines, NAMES if several else (None,), strict=False):
        if texts:
            _add_texts(listing, pipeline, split, asked)
        else:
            _add_images(listing, pipeline, split, asked)
    if named and asked.kind.task == "classification":
        listing.class_names = tuple(named)
        listing.labels = [named[int(word)] for word in listing.labels]
    return listing


def _add_texts(listing: Listing, pipeline: Any, split: str | None, asked: Reading) -> None:
    _refuse_endless(pipeline)
    for element in pipeline.as_numpy_iterator():
        texts, labels = _pair(element)
        # One label a text: a number, a word, or a row that is one-hot.
        words = _words(_rows(labels, texts.size), asked) if texts.size else []
        add_strings(listing, texts.reshape(-1).tolist(), words, split, asked)


def _rows(labels: NDArray[Any], count: int) -> NDArray[Any]:
    """Returns labels (n, k), or (n,) where they are words."""
    rows = labels.reshape(count, -1)
    return rows[:, 0] if rows.shape[1] == 1 and rows.dtype.kind in "OSU" else rows


def _add_images(listing: Listing, pipeline: Any, split: str | None, asked: Reading) -> None:
    room = _MOST_BYTES
    for images, words in _batches(pipeline, asked):
        _add(listing, images, words, split)
        room -= sum(image.nbytes for image in images)
        if room < 0:
            raise DataError(
                f"the pipeline holds more than {_MOST_BYTES >> 30} GiB of pixels.",
                allowed="pipelines that fit into memory.",
                do="Write the images into a folder per class and load that.",
            )


def _gives_texts(pipeline: Any) -> bool:
    spec = pipeline.element_spec
    first = (
        spec.get("text") if isinstance(spec, dict) else spec[0] if isinstance(spec, tuple) and spec else None
    )
    return bool(getattr(first, "dtype", None) == "string")  # TensorFlow's types know their names


def _refuse_endless(pipeline: Any) -> None:
    if int(pipeline.cardinality()) == -1:
        raise DataError("the pipeline repeats for ever.", allowed="one pass.", do="Leave out .repeat().")


def _batches(pipeline: Any, asked: Reading) -> Iterator[tuple[list[NDArray[np.uint8]], list[str]]]:
    _refuse_endless(pipeline)
    scale: float | None = None
    for element in pipeline.as_numpy_iterator():
        image, label = _pair(element)
        alone = image.ndim == 2 or (image.ndim == 3 and (np.ndim(label) == 0 or _is_row(label, asked)))
        images, labels = (image[None], np.asarray(label)[None]) if alone else (image, label)
        if images.dtype.kind == "f":
            scale = scale or (255.0 if images.max() <= 1 else 1.0)
            images = np.rint(images * scale)
        yield (
            [from_array(one) for one in to_uint8(images.astype(np.int64) if scale else images)],
            _words(labels, asked),
        )


def _is_row(label: NDArray[Any], asked: Reading) -> bool:
    """Tells if a row of numbers belongs to one item, and is no batch of labels."""
    task = asked.kind.task
    return task == "multilabel" or (task == "classification" and label.dtype.kind == "f")


def _pair(element: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    if isinstance(element, dict):
        element = tuple(element[key] for key in ("image", "text", "label") if key in element)
    if not isinstance(element, tuple) or len(element) not in (2, 3):
        raise DataError("the pipeline gives no pairs.", allowed=_PAIRS, do="Map it to (image, label).")
    return np.asarray(element[0]), np.asarray(element[1])

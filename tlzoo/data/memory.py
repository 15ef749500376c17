"""Arrays and `tf.data` pipelines as sources. TensorFlow is used only if the caller has imported it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlzoo.data.convert import from_array, to_uint8
from tlzoo.data.listing import Listing
from tlzoo.data.splits import NAMES
from tlzoo.errors import DataError

_MOST_BYTES = 4 * 2**30
_PAIRS = "elements (image, label), or batches of them."


def read_memory(source: Any) -> Listing | None:
    """Lists `(images, labels)` arrays, a `tf.data.Dataset`, or a tuple of two or three of those.

    Args:
        source: Images uint8 or float `(n, h, w[, c])`, or a list of images of different sizes; labels int,
            string or one-hot. Pipelines are read to their end and kept in memory as uint8.

    Returns:
        None if it is none of these.

    Raises:
        DataError: Lengths differ, the pipeline repeats for ever, or it is larger than memory should hold.

    Example:
        >>> read_memory((np.zeros((2, 4, 4), np.uint8), ["a", "b"])).keys
        ['array:0', 'array:1']
    """
    if _is_pipeline(source):
        return _from_pipelines([source])
    if not isinstance(source, (tuple, list)):
        return None
    if len(source) in (2, 3) and all(_is_pipeline(part) for part in source):
        return _from_pipelines(list(source))
    if len(source) == 2 and not any(isinstance(part, (str, bytes)) for part in source):
        return _from_arrays(*source)
    return None


def _is_pipeline(value: Any) -> bool:
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(value, tensorflow.data.Dataset)


def _from_arrays(images: Any, labels: Any) -> Listing:
    words = _words(np.asarray(labels))
    if len(images) != len(words):
        raise DataError(
            f"{len(images)} images and {len(words)} labels.",
            allowed="as many labels as images.",
            do="Match them.",
        )
    listing = Listing(name="arrays", source="arrays")
    _add(listing, _images(images), words, None)
    return listing


def _images(images: Any) -> list[NDArray[np.uint8]]:
    if hasattr(images, "ndim") and images.ndim >= 3:
        # One range for all: a single dark image among floats must not decide for itself.
        return [from_array(image) for image in to_uint8(np.asarray(images))]
    return [from_array(np.asarray(image)) for image in images]


def _words(labels: NDArray[Any]) -> list[str]:
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(1)
    labels = labels.reshape(len(labels))
    if labels.dtype.kind == "f":
        labels = labels.astype(np.int64)
    return [_word(label) for label in labels.tolist()]


def _word(label: Any) -> str:
    return label.decode() if isinstance(label, bytes) else str(label)


def _add(listing: Listing, images: Sequence[NDArray[np.uint8]], words: list[str], split: str | None) -> None:
    start = len(listing.items)
    listing.items.extend(images)
    listing.keys.extend(f"array:{start + index}" for index in range(len(images)))
    listing.labels.extend(words)
    if listing.splits is not None:
        listing.splits.extend([split] * len(images))


def _from_pipelines(pipelines: list[Any]) -> Listing:
    listing = Listing(name="pipeline", source="tf.data")
    several = len(pipelines) > 1
    listing.splits = [] if several else None
    named = getattr(pipelines[0], "class_names", None)
    room = _MOST_BYTES
    for pipeline, split in zip(pipelines, NAMES, strict=False):
        for images, words in _batches(pipeline):
            _add(listing, images, words, split if several else None)
            room -= sum(image.nbytes for image in images)
            if room < 0:
                raise DataError(
                    f"the pipeline holds more than {_MOST_BYTES >> 30} GiB of pixels.",
                    allowed="pipelines that fit into memory.",
                    do="Write the images into a folder per class and load that.",
                )
    if named:
        listing.class_names = tuple(named)
        listing.labels = [named[int(word)] for word in listing.labels]
    return listing


def _batches(pipeline: Any) -> Iterator[tuple[list[NDArray[np.uint8]], list[str]]]:
    if int(pipeline.cardinality()) == -1:
        raise DataError("the pipeline repeats for ever.", allowed="one pass.", do="Leave out .repeat().")
    scale: float | None = None
    for element in pipeline.as_numpy_iterator():
        image, label = _pair(element)
        alone = image.ndim == 2 or (image.ndim == 3 and (np.ndim(label) == 0 or label.dtype.kind == "f"))
        images, labels = (image[None], np.asarray(label)[None]) if alone else (image, label)
        if images.dtype.kind == "f":
            scale = scale or (255.0 if images.max() <= 1 else 1.0)
            images = np.rint(images * scale)
        yield (
            [from_array(one) for one in to_uint8(images.astype(np.int64) if scale else images)],
            _words(labels),
        )


def _pair(element: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    if isinstance(element, dict) and {"image", "label"} <= element.keys():
        element = (element["image"], element["label"])
    if not isinstance(element, tuple) or len(element) not in (2, 3):
        raise DataError("the pipeline gives no pairs.", allowed=_PAIRS, do="Map it to (image, label).")
    return np.asarray(element[0]), np.asarray(element[1])

"""Decoding many images in order, in parallel, with flat memory; broken ones are named, not raised.

Threads call one compiled graph per image: that starts in a tenth of a second, where a `tf.data` pipeline takes
seconds to build, and it keeps up with it. What the graph cannot decode (TIFF, odd variants, broken files) goes
through `read_image`, which either decodes it or knows the reason.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tlzoo.data.dataset import Dataset, Item
from tlzoo.data.images import Policy, decode, read_image, resize
from tlzoo.data.refusals import refuse_broken
from tlzoo.errors import DataError


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some consecutive images.

    Attributes:
        positions: int64 `(b,)`, where they stand in what was asked for, ascending.
        pixels: uint8 `(b, h, w, 3)`.
        broken: Reasons by position, for those that stand among them and cannot be decoded.
    """

    positions: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    broken: dict[int, str] = field(default_factory=dict)


def stream(
    items: Sequence[Item], size: tuple[int, int], policy: Policy = "stretch", batch_size: int = 32
) -> Iterator[Chunk]:
    """Decodes and resizes images in order.

    Args:
        items: Paths or uint8 arrays `(h, w, 3)`.
        size: Height and width of the result.
        policy: As for `images.resize`.
        batch_size: Most images per chunk.

    Yields:
        Chunks that together hold every position once, in `positions` or in `broken`.
    """
    ahead: deque[Future[NDArray[np.uint8] | str]] = deque()
    pool = ThreadPoolExecutor(workers())
    try:
        for start in range(0, len(items), batch_size):
            # One batch is decoded ahead, never more: memory must not depend on how many images there are.
            wanted = min(start + 2 * batch_size, len(items))
            for position in range(start + len(ahead), wanted):
                ahead.append(pool.submit(_load, items[position], size, policy))
            count = min(batch_size, len(items) - start)
            yield _chunk(start, [ahead.popleft().result() for _ in range(count)], size)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _chunk(start: int, found: list[NDArray[np.uint8] | str], size: tuple[int, int]) -> Chunk:
    broken = {start + at: why for at, why in enumerate(found) if isinstance(why, str)}
    whole = [at for at, image in enumerate(found) if not isinstance(image, str)]
    pixels = np.stack([found[at] for at in whole]) if whole else np.zeros((0, *size, 3), np.uint8)
    return Chunk(np.array(whole, np.int64) + start, pixels, broken)


def stream_pixels(
    dataset: Dataset,
    indices: Sequence[int] | NDArray[np.int64],
    size: tuple[int, int],
    policy: Policy = "stretch",
    batch_size: int = 32,
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Decodes some images of a data set, in order, without keeping them.

    Args:
        dataset: Where they are; up to its `tolerance` of broken ones is left out.
        indices: int64 `(m,)`.
        size: Height and width of the result.
        policy: As for `images.resize`.
        batch_size: Most images per batch.

    Yields:
        uint8 `(b, h, w, 3)` and their indices int64 `(b,)`; indices that never come are broken.

    Raises:
        DataError: More than the tolerated share is broken; the error names them.
    """
    wanted = np.asarray(indices, np.int64)
    broken: list[tuple[str, str]] = []
    for chunk in stream([dataset.items[index] for index in wanted], size, policy, batch_size):
        broken += [(dataset.keys[wanted[at]], why) for at, why in chunk.broken.items()]
        refuse_broken(tuple(broken), len(dataset), dataset.tolerance)
        if len(chunk.positions):
            yield chunk.pixels, wanted[chunk.positions]


def _load(item: Item, size: tuple[int, int], policy: Policy) -> NDArray[np.uint8] | str:
    """Returns one image's pixels, or why there are none."""
    if isinstance(item, str):
        return "a text, not an image"
    if not isinstance(item, Path):
        return _resize(item, size, policy)
    try:
        return _compiled(_read_and_resize, tf.string, size, policy)(tf.constant(os.fsencode(item))).numpy()
    except tf.errors.OpError:
        return _load_slowly(item, size, policy)


def _load_slowly(path: Path, size: tuple[int, int], policy: Policy) -> NDArray[np.uint8] | str:
    """Decodes what the graph cannot, or finds out what is wrong with it."""
    try:
        return _resize(read_image(path), size, policy)
    except DataError as error:
        return error.what.partition("cannot be read: ")[2].rstrip(".") or error.what


def _resize(image: NDArray[np.uint8], size: tuple[int, int], policy: Policy) -> NDArray[np.uint8]:
    if image.shape[:2] == tuple(size):
        return image
    return _compiled(resize, tf.uint8, size, policy)(tf.constant(np.ascontiguousarray(image))).numpy()


def _read_and_resize(name: tf.Tensor, size: tuple[int, int], policy: Policy) -> tf.Tensor:
    return resize(decode(tf.io.read_file(name)), size, policy)


_LOCK = threading.Lock()
_COMPILED: dict[Any, Any] = {}


def _compiled(
    function: Callable[..., tf.Tensor], kind: tf.DType, size: tuple[int, int], policy: Policy
) -> Any:
    """Returns `function` as a graph, traced once per size and policy (tracing takes half a second)."""
    key = (function, *size, policy)
    with _LOCK:
        if key not in _COMPILED:
            spec = tf.TensorSpec([] if kind == tf.string else [None, None, 3], kind)
            traced = tf.function(lambda one: function(one, size, policy), autograph=False)
            _COMPILED[key] = traced.get_concrete_function(spec)
        return _COMPILED[key]


def workers() -> int:
    """Returns how many images are decoded at the same time."""
    return max(2, min(16, os.cpu_count() or 2))

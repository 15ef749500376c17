"""Decoding many images in order, in parallel, with flat memory; broken ones are named, not raised.

The fast road is a `tf.data` pipeline over paths. What it drops (TIFF, odd variants, broken files) takes the
slow road through `read_image`, which either decodes it or knows the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tlzoo.data.dataset import Dataset, Item
from tlzoo.data.images import Policy, decode, read_image, resize
from tlzoo.data.load import refuse_broken
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
    if any(isinstance(item, Path) for item in items):
        return _from_files(items, size, policy, batch_size)
    return _from_arrays(items, size, policy, batch_size)


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


def _from_files(
    items: Sequence[Item], size: tuple[int, int], policy: Policy, batch_size: int
) -> Iterator[Chunk]:
    names = [os.fsencode(item) if isinstance(item, Path) else b"" for item in items]

    def one(position: tf.Tensor, name: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return position, resize(decode(tf.io.read_file(name)), size, policy)

    # A fixed number of workers and batches in flight: memory must not depend on how many images there are.
    pipeline = tf.data.Dataset.from_tensor_slices((np.arange(len(items)), names))
    pipeline = pipeline.map(one, num_parallel_calls=workers(), deterministic=True).ignore_errors()
    following = 0
    for positions, pixels in pipeline.batch(batch_size).prefetch(1).as_numpy_iterator():
        end = int(positions[-1]) + 1
        yield _complete(items, Chunk(positions, pixels), range(following, end), size, policy)
        following = end
    for start in range(following, len(items), batch_size):
        nothing = Chunk(np.zeros(0, np.int64), np.zeros((0, *size, 3), np.uint8))
        rest = range(start, min(start + batch_size, len(items)))
        yield _complete(items, nothing, rest, size, policy)


def _complete(
    items: Sequence[Item], chunk: Chunk, wanted: range, size: tuple[int, int], policy: Policy
) -> Chunk:
    """Adds what the fast road dropped."""
    missing = sorted(set(wanted) - set(chunk.positions.tolist()))
    if not missing:
        return chunk
    found = [_slowly(items[position], size, policy) for position in missing]
    pixels = [image for image in found if not isinstance(image, str)]
    broken = {position: why for position, why in zip(missing, found, strict=True) if isinstance(why, str)}
    positions = np.array([position for position in missing if position not in broken], np.int64)
    if not pixels:
        return Chunk(chunk.positions, chunk.pixels, broken)
    order = np.argsort(np.concatenate([chunk.positions, positions]), kind="stable")
    together = np.concatenate([chunk.pixels, np.stack(pixels)])[order]
    return Chunk(np.concatenate([chunk.positions, positions])[order], together, broken)


def _slowly(item: Item, size: tuple[int, int], policy: Policy) -> NDArray[np.uint8] | str:
    try:
        return _resizer(size, policy)(read_image(item))
    except DataError as error:
        return error.what.partition("cannot be read: ")[2].rstrip(".") or error.what
    except tf.errors.OpError as error:
        return f"it cannot be resized ({error.message.splitlines()[0][:100]})"


_RESIZERS: dict[Any, Any] = {}


def _resizer(size: tuple[int, int], policy: Policy) -> Any:
    """Returns a compiled `resize`, made once per size and policy."""
    key = (*size, policy)
    if key not in _RESIZERS:
        spec = [tf.TensorSpec([None, None, 3], tf.uint8)]
        _RESIZERS[key] = tf.function(lambda image: resize(image, size, policy), input_signature=spec)
    compiled = _RESIZERS[key]
    return lambda image: (
        image if image.shape[:2] == tuple(size) else compiled(np.ascontiguousarray(image)).numpy()
    )


def _from_arrays(
    items: Sequence[Item], size: tuple[int, int], policy: Policy, batch_size: int
) -> Iterator[Chunk]:
    resizer = _resizer(size, policy)
    with ThreadPoolExecutor(workers()) as pool:
        for start in range(0, len(items), batch_size):
            pixels = np.stack(list(pool.map(resizer, items[start : start + batch_size])))
            yield Chunk(np.arange(start, start + len(pixels)), pixels)


def workers() -> int:
    """Returns how many images are decoded at the same time."""
    return max(2, min(16, os.cpu_count() or 2))

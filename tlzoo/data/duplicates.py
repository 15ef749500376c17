"""Finding images that are the same, or nearly: by hash of content, and by a small fingerprint of what they show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tlzoo.data.convert import Pixels

NEAR_BITS = 6
"""Largest number of differing bits, of 64, between the difference hashes of near-duplicates."""
NEAR_SHARE = 0.04
"""Largest mean difference between the thumbnails of near-duplicates, as a share of their contrast.

JPEG copies of solar cells at quality 50 differ by up to 0.025, at half the size by up to 0.046; 200 of these cells,
which all show the same kind of thing, by 0.057 or more from all others (`benchmarks/copies.py`).
"""

_SIDE = 32
_MARGIN = 1.5  # levels; without it, noise decides the bits of smooth regions
_LARGEST_BUCKET = 3000


def thumbnail(pixels: Pixels) -> NDArray[np.uint8]:
    """Returns an image as 32 x 32 grey values, uint8 `(1024,)`."""
    grey = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
    # A box takes whole pixels, other ones at every size: half-sized copies of solar cells were as far as strangers.
    return np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)).reshape(-1)


def difference_hash(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Returns uint64 `(n,)`: whether the left half of each of 8 x 8 cells is darker than its right half.

    Args:
        thumbnails: uint8 `(n, 1024)`, as `thumbnail` makes them.
    """
    halves = thumbnails.reshape(-1, 8, 4, 16, 2).mean((2, 4), dtype=np.float32)
    bits = (halves[:, :, 0::2] + _MARGIN < halves[:, :, 1::2]).reshape(len(thumbnails), 64)
    return np.packbits(bits, axis=1).view(">u8").reshape(-1).astype(np.uint64)


def same(digests: Sequence[str]) -> list[list[int]]:
    """Returns groups of two or more indices whose contents are equal."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        if digest:
            groups[digest].append(index)
    return [members for members in groups.values() if len(members) > 1]


def near(thumbnails: NDArray[np.uint8], digests: Sequence[str]) -> list[tuple[int, int]]:
    """Returns pairs of images that look the same but are different files, such as copies at another quality.

    Args:
        thumbnails: uint8 `(n, 1024)`.
        digests: Hash of each image's content; equal ones are not paired.

    Returns:
        Index pairs, the smaller first, sorted.

    Example:
        >>> rows = np.tile(np.arange(1024).astype(np.uint8), (2, 1))
        >>> near(rows, ["a", "b"])
        [(0, 1)]
    """
    hashes = difference_hash(thumbnails)
    flat = thumbnails.std(axis=1) < 2  # blank images have no features to agree on
    pairs: set[tuple[int, int]] = set()
    # Hashes that hardly differ agree in at least one of four 16-bit bands.
    for band in range(4):
        keys = (hashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        for members in _buckets(keys, ~flat):
            pairs |= _close(members, hashes, thumbnails)
    return sorted((a, b) for a, b in pairs if digests[a] != digests[b])


def _buckets(keys: NDArray[np.uint64], use: NDArray[np.bool_]) -> Iterable[NDArray[np.int64]]:
    indices = np.flatnonzero(use)
    order = indices[np.argsort(keys[indices], kind="stable")]
    cuts = np.flatnonzero(np.diff(keys[order])) + 1
    for members in np.split(order, cuts):
        if len(members) > 1:
            yield members[:_LARGEST_BUCKET]


def _close(
    members: NDArray[np.int64], hashes: NDArray[np.uint64], thumbnails: NDArray[np.uint8]
) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for place, first in enumerate(members[:-1]):
        others = members[place + 1 :]
        others = others[np.bitwise_count(hashes[others] ^ hashes[first]) <= NEAR_BITS]
        contrast = np.minimum(thumbnails[others].std(axis=1), thumbnails[first].std())
        apart = np.abs(thumbnails[others].astype(np.int32) - thumbnails[first].astype(np.int32)).mean(axis=1)
        alike = others[apart <= NEAR_SHARE * contrast]
        found |= {(min(first, b), max(first, b)) for b in alike.tolist()}
    return {(int(a), int(b)) for a, b in found}

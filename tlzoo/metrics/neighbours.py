"""Near-duplicates on features: pairs that are more alike than a data set's items are by chance.

Exact, by blocks of a matrix product: a hundred thousand items take minutes and no library. Groups of copies are what
makes a test score lie. A pair is called near where its distance is far below what is usual for nearest neighbours in a
data set, or where both are each other's nearest and nothing else is half as near: some regions are denser than others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.floating[Any]]
Tell = Callable[[int, int], None]

FAR_BELOW = 4.0
"""Robust deviations of the logarithm of nearest distances by which a pair must lie below their median."""
ALIKE = 0.8
"""Least cosine that the distances of a data set can make enough."""
LONELY = 0.5
"""Largest distance of a pair as a share of that to the next neighbour of either; and least cosine of such a pair."""
MOST_PAIRS = 100_000
"""Pairs that are kept; a data set with more is made of copies."""

_BLOCK = 1024
_SAME = 1e-4  # distance below which float32 cannot tell two vectors apart


@dataclasses.dataclass(frozen=True)
class NearPairs:
    """Pairs of items that are nearly the same.

    Attributes:
        pairs: Positions, the smaller first, the most alike first, (m, 2).
        cosines: Of the centred features of each pair, (m,).
        threshold: Least cosine that is called near here.
    """

    pairs: Ints
    cosines: Floats
    threshold: float


def near_pairs(features: Reals, threshold: float | None = None, tell: Tell | None = None) -> NearPairs:
    """Returns the pairs of items whose features nearly point the same way.

    Features are centred first: what all items share says nothing about two of them.

    Args:
        features: (n, d), finite.
        threshold: Least cosine, above 0 and up to 1; by default found from the distances to nearest neighbours.
        tell: Told how many items are done, of how many.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(50, 16))
        >>> near_pairs(np.vstack([rows, rows[:1] * 1.01])).pairs.tolist()
        [[0, 50]]
    """
    if len(features) < 2:
        return NearPairs(np.zeros((0, 2), np.int64), np.zeros(0), 1.0)
    rows = _directions(features)
    two = _nearest(rows, tell)
    least = _threshold(two.cosines[:, 0]) if threshold is None else threshold
    lonely = two.lonely() if threshold is None else np.zeros((0, 2), np.int64)
    apart = two.cosines[lonely[:, 0], 0] < least - 1e-7  # the others are found below
    found: list[Ints] = [lonely[apart]]
    cosines: list[Floats] = [two.cosines[lonely[apart, 0], 0]]
    for at, block in _blocks(rows):
        block[np.arange(len(block))[:, None] + at >= np.arange(len(rows))] = -1  # each pair once
        first, second = np.nonzero(block >= least - 1e-7)
        found.append(np.stack([first + at, second], axis=1))
        cosines.append(block[first, second].astype(np.float64))
    pairs, alike = np.concatenate(found), np.concatenate(cosines)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -alike))[:MOST_PAIRS]
    return NearPairs(pairs[order].astype(np.int64), np.minimum(alike[order], 1.0), float(least))


def usual_threshold(directions: npt.NDArray[np.float32], sample: int = 2000) -> float:
    """Returns the cosine beyond which two items are unusually near, as `near_pairs` would find it.

    Args:
        directions: Features of length 1, (n, d), finite.
        sample: Items whose nearest neighbours are looked for, among all; drawn with a fixed seed where there are more.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(50, 64))
        >>> 0.8 <= usual_threshold(rows / np.linalg.norm(rows, axis=1, keepdims=True)) < 1
        True
    """
    n = len(directions)
    if n < 2:
        return 1.0
    drawn = (
        np.arange(n) if n <= sample else np.sort(np.random.default_rng(0).choice(n, sample, replace=False))
    )
    nearest = np.empty(len(drawn))
    for at in range(0, len(drawn), _BLOCK):
        some = drawn[at : at + _BLOCK]
        block = directions[some] @ directions.T
        block[np.arange(len(some)), some] = -1
        nearest[at : at + len(some)] = block.max(axis=1)
    return _threshold(nearest)


def _directions(features: Reals) -> npt.NDArray[np.float32]:
    rows = np.asarray(features, np.float32)
    rows = rows - rows.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def _blocks(rows: npt.NDArray[np.float32]) -> Any:
    """Yields where each block of rows begins, and its cosines with all rows."""
    for at in range(0, len(rows), _BLOCK):
        yield at, rows[at : at + _BLOCK] @ rows.T


@dataclasses.dataclass(frozen=True)
class _Nearest:
    """The two nearest neighbours of every row: which the first is (n,), and the cosines of both (n, 2)."""

    first: Ints
    cosines: Floats

    def lonely(self) -> Ints:
        """Returns pairs (m, 2) that are each other's nearest, and far from everything else."""
        distances = np.sqrt(np.maximum(2 - 2 * self.cosines, _SAME**2))
        mine = np.arange(len(self.first))
        mutual = (self.first[self.first] == mine) & (mine < self.first) & (self.cosines[:, 0] >= LONELY)
        next_one = np.minimum(distances[:, 1], distances[self.first, 1])
        at = np.flatnonzero(mutual & (distances[:, 0] <= LONELY * next_one))
        return np.stack([at, self.first[at]], axis=1)


def _nearest(rows: npt.NDArray[np.float32], tell: Tell | None) -> _Nearest:
    first, cosines = np.empty(len(rows), np.int64), np.full((len(rows), 2), -1.0)
    for at, block in _blocks(rows):
        place = np.arange(len(block))
        block[place, place + at] = -1
        for rank in range(min(2, len(rows) - 1)):
            best = block.argmax(axis=1)
            cosines[at : at + len(block), rank] = block[place, best]
            if rank == 0:
                first[at : at + len(block)] = best
            block[place, best] = -1
        if tell:
            tell(at + len(block), len(rows))
    return _Nearest(first, cosines)


def _threshold(nearest: Floats) -> float:
    """Returns the cosine beyond which a pair is unusually near."""
    distances = np.log(np.sqrt(np.maximum(2 - 2 * nearest, _SAME**2)))
    middle = float(np.median(distances))
    spread = 1.4826 * float(np.median(np.abs(distances - middle)))
    distance = np.exp(middle - FAR_BELOW * spread)
    # Where nothing varies (tiny sets, all copies), only what cannot be told apart is called near.
    cosine = 1 - max(distance, _SAME) ** 2 / 2
    return float(min(max(cosine, ALIKE), 1 - _SAME**2 / 2))


def groups(pairs: Ints) -> list[list[int]]:
    """Returns the sets of items that pairs connect, each ascending, the largest first.

    Example:
        >>> groups(np.array([[0, 1], [1, 5], [2, 3]]))
        [[0, 1, 5], [2, 3]]
    """
    parent: dict[int, int] = {}

    def root(item: int) -> int:
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for first, second in pairs.tolist():
        parent[root(first)] = root(second)
    members: dict[int, list[int]] = {}
    for item in sorted(parent):
        members.setdefault(root(item), []).append(item)
    return sorted(members.values(), key=lambda each: (-len(each), each))

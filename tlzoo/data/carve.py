"""Dealing clusters of items out to train (0), validation (1) and test (2), class by class."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tlzoo.errors import DataError

Indices = NDArray[np.int64]
_WANTED = (0, 2, 1)  # who gets a class first when it has few clusters: to learn, to be judged, to tune


def carve(
    labels: Indices, clusters: Indices, keys: Sequence[str], shares: Mapping[int, float], seed: int
) -> Indices:
    """Deals items out so that every class keeps its share in every split and clusters stay whole.

    Args:
        labels: int64 `(n,)`.
        clusters: int64 `(n,)`, equal where items must stay together.
        keys: Hash of each item's content; with `seed` the only source of chance.
        shares: Share of the items for validation (1) and test (2); 0 for one that is not wanted.
        seed: 0 or more.

    Returns:
        int64 `(n,)` of 0, 1 and 2.

    Raises:
        DataError: There are fewer clusters than splits.

    Example:
        >>> carve(np.zeros(4, int), np.arange(4), list("abcd"), {1: 0.0, 2: 0.25}, seed=0).tolist().count(2)
        1
    """
    _, owner = np.unique(clusters, return_inverse=True)
    classes, column = np.unique(labels, return_inverse=True)
    counts = np.zeros((owner.max() + 1, len(classes)), np.int64)
    np.add.at(counts, (owner, column), 1)
    wanted = [number for number in _WANTED if number == 0 or shares[number] > 0]
    if len(counts) < len(wanted):
        raise DataError(
            f"all {len(labels)} items belong to {len(counts)} group{'s' * (len(counts) > 1)}.",
            allowed=f"{len(wanted)} groups or more, because groups are kept whole.",
            do="Use finer groups, or give the test set yourself in a split column.",
        )
    order, chance = _chances(owner, keys, seed)
    dealt = _deal(counts, _targets(counts, shares), order, chance)
    _mend(counts, dealt, wanted)
    return dealt[owner]


def _chances(owner: Indices, keys: Sequence[str], seed: int) -> tuple[NDArray, NDArray]:
    """Returns two independent numbers in 0..1 per cluster, from the smallest key of each and the seed."""
    smallest: dict[int, str] = {}
    for cluster, key in zip(owner.tolist(), keys, strict=True):
        if cluster not in smallest or key < smallest[cluster]:
            smallest[cluster] = key
    digests = [
        hashlib.sha256(f"{seed}:{smallest[cluster]}".encode()).digest()[:16]
        for cluster in range(len(smallest))
    ]
    pairs = np.frombuffer(b"".join(digests), ">u8").reshape(-1, 2) / 2.0**64
    return pairs[:, 0], pairs[:, 1]


def _targets(counts: NDArray, shares: Mapping[int, float]) -> NDArray:
    """Returns int64 `(3, c)`: how many items of each class each split should get."""
    sizes, clusters = counts.sum(0), (counts > 0).sum(0)
    targets = np.zeros((3, len(sizes)), np.int64)
    needed = 1
    for number in _WANTED[1:]:
        if shares[number] > 0:
            needed += 1
            share = _apportion(sizes * shares[number])
            share = np.maximum(share, clusters >= needed)
            spare = np.maximum(sizes - 1 - targets.sum(0), 0)
            targets[number] = np.minimum(share, spare)
    targets[0] = sizes - targets.sum(0)
    return targets


def _apportion(quotas: NDArray) -> NDArray:
    """Rounds so that the sum is right too: largest remainders first."""
    whole = np.floor(quotas + 1e-9).astype(np.int64)
    missing = round(float(quotas.sum())) - int(whole.sum())
    largest = np.argsort(-(quotas - whole), kind="stable")[: max(missing, 0)]
    whole[largest] += 1
    return whole


def _deal(counts: NDArray, targets: NDArray, order: NDArray, chance: NDArray) -> Indices:
    sizes = counts.sum(1)
    dealt = np.zeros(len(counts), np.int64)
    need = targets.copy()
    big = np.flatnonzero(sizes > 1)
    # Large clusters first, because small ones can still even out the counts; jittered, so that seeds differ.
    for cluster in big[np.argsort(-sizes[big] * (0.5 + order[big]), kind="stable")]:
        dealt[cluster] = _choose(counts[cluster], need, targets, chance[cluster])
        need[dealt[cluster]] -= counts[cluster]
    single = np.flatnonzero(sizes == 1)
    single = single[np.argsort(order[single], kind="stable")]
    column = counts[single].argmax(1)
    for each in range(counts.shape[1]):
        members = single[column == each]
        tests = max(int(need[2, each]), 0)
        tunes = max(int(need[1, each]), 0)
        dealt[members[:tests]] = 2
        dealt[members[tests : tests + tunes]] = 1
    return dealt


def _choose(count: NDArray, need: NDArray, targets: NDArray, chance: float) -> int:
    """Picks a split that still has room for a cluster, at random by its need; else the least overfull."""
    overflow = np.maximum(count - need, 0).sum(1)
    weight = (np.maximum(need, 0) * count / np.maximum(targets.sum(0), 1)).sum(1)
    weight = np.where(overflow == 0, weight, 0.0)
    if weight.sum() > 0:
        return int(np.searchsorted(np.cumsum(weight) / weight.sum(), chance, side="right").clip(0, 2))
    relative = overflow / np.maximum(targets.sum(1), 0.5)
    return int(np.argmin(relative))


def _mend(counts: NDArray, dealt: Indices, wanted: Sequence[int]) -> None:
    """Moves the smallest clusters that bring a missing class to a split, in place."""
    for number in wanted:
        for each in range(counts.shape[1]):
            holders = np.flatnonzero(counts[:, each]).tolist()
            if (dealt[holders] == number).any():
                continue
            movable = [cluster for cluster in holders if _can_spare(counts, dealt, cluster, each, number)]
            if movable:
                cost = [
                    (_harm(counts, dealt, cluster), int(counts[cluster].sum()), cluster)
                    for cluster in movable
                ]
                dealt[min(cost)[2]] = number


def _can_spare(counts: NDArray, dealt: Indices, cluster: int, each: int, taker: int) -> bool:
    """Tells if a cluster may move: training never loses a class, and the test set goes before validation."""
    if dealt[cluster] == 0:
        return _harm(counts, dealt, cluster) == 0
    holders = np.flatnonzero((counts[:, each] > 0) & (dealt == dealt[cluster]))
    return len(holders) > 1 or taker == 0 or (taker == 2 and dealt[cluster] == 1)


def _harm(counts: NDArray, dealt: Indices, cluster: int) -> int:
    """Counts the classes that the cluster's split would lose with it."""
    rest = counts[(dealt == dealt[cluster]) & (np.arange(len(dealt)) != cluster)].sum(0)
    return int(((counts[cluster] > 0) & (rest == 0)).sum())

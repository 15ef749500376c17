"""What must be spread evenly over splits and folds: classes, ranges of a number, sets of labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tlzoo.data.targets import Labels

Strata = NDArray[np.int64]

MOST_BINS = 10
"""Ranges a number is cut into."""

BIN = 10
"""Items a range should hold: fewer cannot be shared out by tenths."""

RARE = 5
"""Sets of labels with fewer items count as their rarest label instead."""


def strata(labels: Labels) -> Strata:
    """Returns int64 `(n,)`: equal numbers for items that are alike in what is to be learned.

    Args:
        labels: Classes int64 `(n,)`, which are strata as they are; numbers float64 `(n,)`, cut at their quantiles; or
            sets of labels uint8 `(n, c)`.

    Example:
        >>> strata(np.arange(40.0)).tolist()[::10]
        [0, 1, 2, 3]
    """
    if labels.ndim == 2:
        return _of_sets(labels)
    return _of_numbers(labels) if labels.dtype.kind == "f" else labels


def merged(found: Strata, least: int) -> Strata:
    """Returns strata of `least` items or more: smaller ones are thrown together, with the largest if need be."""
    names, index, counts = np.unique(found, return_inverse=True, return_counts=True)
    small = (counts < least)[index]
    if not small.any():
        return found
    rest = names.max() + 1 if small.sum() >= least else names[counts.argmax()]
    return np.where(small, rest, found)


def _of_numbers(values: Labels) -> Strata:
    bins = int(np.clip(len(values) // BIN, 1, MOST_BINS))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _of_sets(labels: Labels) -> Strata:
    sets, index, counts = np.unique(labels, axis=0, return_inverse=True, return_counts=True)
    index = index.reshape(-1)
    often = labels.sum(axis=0)
    # The rarest label of a set, because that is the one a split could miss; none of the empty set.
    rarest = np.where(sets.any(axis=1), np.where(sets > 0, often, often.max() + 1).argmin(axis=1), -1)
    return np.where(counts < RARE, len(sets) + 1 + rarest, np.arange(len(sets)))[index].astype(np.int64)

"""k nearest neighbours, each example left out in turn: the share whose neighbours vote for its class.

Neighbours are by cosine. Whoever is as near as the k-th is asked too, and classes with equally many votes share the
answer, so that neither the order of rows nor the numbers of classes decides.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, use it so to judge features;
Cover, Hart, "Nearest Neighbor Pattern Classification", IEEE Transactions on Information Theory 1967.

Cost: O(n² d), in parts that hold O(n) rows of memory at a time.
"""

from __future__ import annotations

import numpy as np

from tlzoo.scores.matrices import Floats, Ints, Labels, Reals, checked, classes, kind

NEIGHBOURS = 5
"""How many neighbours vote."""

_ROWS = 256
_TIE = 1e-9  # cosines closer than this are equal: rounding must not choose


def knn(
    features: Reals, labels: Labels, groups: Labels | None = None, neighbours: int = NEIGHBOURS
) -> float | None:
    """Returns the leave-one-out accuracy of k nearest neighbours, 0..1.

    Args:
        features: (n, d). A row of zeros is equally far from all.
        labels: Classes int (n,).
        groups: Examples with equal numbers (n,) never vote for each other; by default all may.
        neighbours: How many vote; fewer where there are fewer.

    Returns:
        None for numbers and sets of labels.

    Raises:
        DataError: See `matrices.checked`.

    Example:
        >>> knn(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), np.array([0, 0, 1, 1]), neighbours=1)
        1.0
    """
    features, labels = checked(features, labels)
    if kind(labels) != "classification":
        return None
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    units = features / np.where(norms > 0, norms, 1.0)
    own = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
    index = classes(labels)
    right = [
        _right(units, index, own, np.arange(at, min(at + _ROWS, len(labels))), neighbours)
        for at in range(0, len(labels), _ROWS)
    ]
    return float(np.concatenate(right).mean())


def _right(units: Floats, index: Ints, own: Ints, rows: Ints, neighbours: int) -> Floats:
    """Returns how right the votes for some rows are: 1, 0, or a share where classes tie."""
    cosines = units[rows] @ units.T
    cosines[own[rows][:, None] == own] = -np.inf
    k = min(neighbours, cosines.shape[1])
    nearest = np.partition(cosines, -k, axis=1)[:, -k]
    # A group may leave fewer than k that are not its own.
    asked = (cosines >= nearest[:, None] - _TIE) & np.isfinite(cosines)
    votes = asked.astype(np.float64) @ np.eye(int(index.max()) + 1)[index]
    most = votes.max(axis=1, keepdims=True)
    return np.asarray((votes[np.arange(len(rows)), index[rows]] == most[:, 0]) / (votes == most).sum(axis=1))

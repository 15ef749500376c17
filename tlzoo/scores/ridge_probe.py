"""The ridge probe: a linear model by least squares with an L2 penalty, each example left out in turn.

Features are standardised, targets ±1 (numbers: standardised), the bias is not penalised. With the eigenvalues σ and
the principal coordinates P of the features, for any penalty λ

    H = 1/n + P diag(1/(σ + λ)) Pᵀ,   Ŷ = HY,   Y − Ŷ without group g = (I − H_gg)⁻¹ (Y − Ŷ)_g

which is what a model fitted without g would say of g, exactly, for one decomposition and a rescale per penalty.

The probe of Big Vision (Beyer, Zhai, Kolesnikov, 2022: `evaluators/fewshot_lsr.py`); Kolesnikov et al., "Big Transfer",
ECCV 2020, arXiv:1912.11370; leaving out by H: Allen, "The Relationship between Variable Selection and Data
Augmentation and a Method for Prediction", Technometrics 1974 (PRESS).

Cost: one eigendecomposition of the smaller Gram matrix, O(n d k + k³), and O(n k c) for each of some thirty penalties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlzoo.scores.matrices import (
    Floats,
    Ints,
    Labels,
    Reals,
    Spectrum,
    checked,
    classes,
    kind,
    spectrum,
    standardised,
    targets,
)

PENALTIES = tuple(float(each) for each in np.geomspace(1e-5, 1e4, 28))
"""Penalties that are tried, times the mean eigenvalue."""


@dataclass(frozen=True)
class Probe:
    """What the best penalty's probe says of the examples it has not seen.

    Attributes:
        score: Accuracy of classes; R² of numbers; mean average precision of sets of labels.
        penalty: The penalty λ, for standardised features and a sum of squares.
        outputs: Held-out outputs (n, k): a column per class (per label that varies), about ±1; or one, the numbers
            in their own unit.
    """

    score: float
    penalty: float
    outputs: Floats


def ridge_probe(features: Reals, labels: Labels, groups: Labels | None = None) -> float:
    """Returns the cross-validated score of the ridge probe; higher is better.

    Args:
        features: (n, d).
        labels: Classes int (n,), numbers float (n,) or sets of labels (n, c).
        groups: Examples with equal numbers (n,) are left out together; by default each alone.

    Returns:
        Accuracy for classes, R² for numbers, mean average precision for sets of labels.

    Raises:
        DataError: See `matrices.checked`.

    Example:
        >>> ridge_probe(np.array([[0.0], [0.1], [1.0], [1.1]]), np.array([0, 0, 1, 1]))
        1.0
    """
    return probe(features, labels, groups).score


def probe(features: Reals, labels: Labels, groups: Labels | None = None) -> Probe:
    """Does what `ridge_probe` does, and keeps what it said of each example.

    Args:
        features: (n, d).
        labels: As for `ridge_probe`.
        groups: As for `ridge_probe`.
    """
    features, labels = checked(features, labels)
    found, wanted = spectrum(standardised(features)), targets(labels)
    wanted = wanted if kind(labels) == "regression" else 2 * wanted - 1
    scale = float(found.values.mean()) or 1.0
    parts = _parts(len(labels), groups)
    best: Probe | None = None
    least = np.inf
    for share in PENALTIES:
        outputs = left_out(found, wanted, share * scale, parts)
        score, error = _score(outputs, labels), float(np.mean((outputs - wanted) ** 2))
        # Of equal scores the smaller error wins, so that the choice is no accident of the list.
        if best is None or (score, -error) > (best.score, -least):
            best, least = Probe(score, share * scale, outputs), error
    assert best is not None  # noqa: S101 - there are penalties
    if kind(labels) != "regression":
        return best
    return Probe(best.score, best.penalty, best.outputs * labels.std() + labels.mean())


def left_out(found: Spectrum, wanted: Floats, penalty: float, parts: list[Ints] | None = None) -> Floats:
    """Returns what ridge regression says of examples it is not fitted to, (n, k).

    Args:
        found: Of centred features.
        wanted: Targets (n, k).
        penalty: λ, above 0.
        parts: Rows that are left out together, where they are two or more; every other row is left out alone.
    """
    n, scaled = len(wanted), found.coordinates / (found.values + penalty)
    mean = wanted.mean(axis=0)
    missed = wanted - mean - scaled @ (found.coordinates.T @ (wanted - mean))
    leverage = 1 / n + np.sum(scaled * found.coordinates, axis=1)
    errors = missed / np.maximum(1 - leverage, 1e-12)[:, None]
    for rows in parts or []:
        hat = 1 / n + scaled[rows] @ found.coordinates[rows].T
        errors[rows] = np.linalg.lstsq(np.eye(len(rows)) - hat, missed[rows], rcond=None)[0]
    return np.asarray(wanted - errors)


def _parts(n: int, groups: Labels | None) -> list[Ints] | None:
    if groups is None:
        return None
    index = np.unique(groups, return_inverse=True)[1].reshape(-1)
    order = np.argsort(index, kind="stable")
    borders = np.flatnonzero(np.diff(index[order])) + 1
    return [rows for rows in np.split(order, borders) if 1 < len(rows) < n]


def _score(outputs: Floats, labels: Labels) -> float:
    if kind(labels) == "classification":
        return float(np.mean(outputs.argmax(axis=1) == classes(labels)))
    if kind(labels) == "regression":
        wanted = targets(labels)
        return 1.0 - float(np.sum((outputs - wanted) ** 2) / np.sum(wanted**2))
    return mean_average_precision(outputs, targets(labels) > 0)


def mean_average_precision(outputs: Floats, right: Labels) -> float:
    """Returns the mean over labels of their average precision, 0..1; equal outputs count as one threshold.

    Args:
        outputs: (n, c), larger where a label is likelier.
        right: bool (n, c), each column with one True or more.
    """
    found = []
    for scores, truth in zip(outputs.T, np.asarray(right, bool).T, strict=True):
        order = np.argsort(-scores, kind="stable")
        last = np.append(np.diff(scores[order]) != 0, True)  # the last of each run of equal outputs
        hits = np.cumsum(truth[order])[last]
        precision = hits / (np.flatnonzero(last) + 1)
        found.append(float(np.sum(np.diff(hits, prepend=0) * precision) / truth.sum()))
    return float(np.mean(found))

"""Calibration: whether "80% sure" is right 80% of the time, and one number that mends it.

Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Reals = npt.NDArray[np.floating[Any]]

#: Temperatures that `fit_temperature` may return.
TEMPERATURES = (0.05, 20.0)


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Examples gathered by how sure the classifier was of its decision.

    Attributes:
        edges: (bins + 1,) borders of the bins, 0..1. A bin holds its upper border.
        counts: (bins,) examples in each bin.
        confidence: (bins,) mean probability of the winning class; nan in empty bins.
        accuracy: (bins,) share of right decisions; nan in empty bins.
    """

    edges: Floats
    counts: npt.NDArray[np.int64]
    confidence: Floats
    accuracy: Floats

    @property
    def ece(self) -> float:
        """Mean distance of confidence and accuracy, weighted by examples, 0..1."""
        full = self.counts > 0
        gaps = np.abs(self.confidence[full] - self.accuracy[full])
        return float(np.sum(gaps * self.counts[full]) / max(int(self.counts.sum()), 1))


def softmax(logits: Reals, temperature: float = 1.0) -> Floats:
    """Turns logits into probabilities without overflow.

    Args:
        logits: (..., c), finite.
        temperature: Divides the logits; above 1 softens, below 1 sharpens.

    Example:
        >>> softmax(np.array([1000.0, 1000.0])).tolist()
        [0.5, 0.5]
    """
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def bin_of(confidence: Reals, bins: int) -> npt.NDArray[np.int64]:
    """Returns the bin (0..bins-1) of each confidence (0..1); borders belong to the lower bin."""
    return np.clip(np.ceil(np.asarray(confidence) * bins).astype(np.int64) - 1, 0, bins - 1)


def reliability(labels: Labels, probabilities: Reals, bins: int = 15) -> Reliability:
    """Gathers decisions in bins of equal width by their confidence.

    Args:
        labels: Integers (n,) in 0..c-1.
        probabilities: (n, c), rows that sum to 1.
        bins: At least 1.

    Example:
        >>> reliability(np.array([0, 0]), np.array([[0.9, 0.1], [0.2, 0.8]]), bins=5).counts.tolist()
        [0, 0, 0, 1, 1]
    """
    confidence = np.asarray(probabilities, np.float64).max(axis=1)
    right = np.asarray(probabilities).argmax(axis=1) == labels
    where = bin_of(confidence, bins)
    counts = np.bincount(where, minlength=bins)
    shares = np.where(counts > 0, counts, np.nan)
    return Reliability(
        edges=np.linspace(0.0, 1.0, bins + 1),
        counts=counts,
        confidence=np.bincount(where, weights=confidence, minlength=bins) / shares,
        accuracy=np.bincount(where, weights=right, minlength=bins) / shares,
    )


def ece(labels: Labels, probabilities: Reals, bins: int = 15) -> float:
    """Returns the expected calibration error of the winning class, 0..1 (0 is perfect).

    Args:
        labels: Integers (n,) in 0..c-1.
        probabilities: (n, c), rows that sum to 1.
        bins: At least 1, of equal width.

    Example:
        >>> round(ece(np.array([0, 1]), np.array([[0.9, 0.1], [0.9, 0.1]])), 3)
        0.4
    """
    return reliability(labels, probabilities, bins).ece


def fit_temperature(logits: Reals, labels: Labels) -> float:
    """Returns the temperature that makes validation probabilities most likely.

    The loss is convex in 1/T, so a bracketed Newton search finds its one minimum. Labels are smoothed by
    1/(n + 2), as Platt (1999) does, so that a validation split without a mistake does not ask for certainty.
    Dividing by a positive number never changes which class wins.

    Args:
        logits: (n, c), finite, of the validation split.
        labels: Integers (n,) in 0..c-1.

    Returns:
        A temperature in 0.05..20; 1 if there is nothing to learn from (no examples, or flat logits).

    Raises:
        ValueError: A logit is not finite.

    Example:
        >>> fit_temperature(np.array([[9.0, 0.0]] * 3 + [[0.0, 9.0]]), np.array([0, 0, 1, 0])) > 1
        True
    """
    rows = np.asarray(logits, np.float64)
    if not np.isfinite(rows).all():
        raise ValueError("Logits must be finite to fit a temperature; look for a rate that is too high.")
    if len(rows) == 0 or np.ptp(rows, axis=1).max() == 0:
        return 1.0
    rows = rows - rows.max(axis=1, keepdims=True)
    smoothing = 1.0 / (len(rows) + 2)
    wanted = (1 - smoothing) * rows[np.arange(len(rows)), labels] + smoothing * rows.mean(axis=1)
    return 1.0 / _minimise(rows, float(wanted.mean()))


def _minimise(rows: Floats, wanted: float) -> float:
    low, high = 1.0 / TEMPERATURES[1], 1.0 / TEMPERATURES[0]
    beta = 1.0
    for _ in range(60):
        probabilities = softmax(rows, 1.0 / beta)
        mean = np.sum(probabilities * rows, axis=1)
        slope = float(mean.mean()) - wanted
        curvature = float(np.mean(np.sum(probabilities * rows**2, axis=1) - mean**2))
        low, high = (low, beta) if slope > 0 else (beta, high)
        step = beta - slope / curvature if curvature > 0 else low
        following = step if low < step < high else (low * high) ** 0.5
        if abs(following - beta) <= 1e-7 * beta:
            return following
        beta = following
    return beta

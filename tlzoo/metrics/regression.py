"""Scores of a regression: how far its numbers are from the right ones, and how sure one may be of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.floating[Any]]

#: Share of right numbers that a band should hold.
LEVEL = 0.9


@dataclasses.dataclass(frozen=True)
class RegressionScores:
    """Everything that is reported about one split; errors are in the unit of the labels.

    Attributes:
        n: Number of examples.
        rmse: Root of the mean squared error.
        mae: Mean absolute error.
        r2: Share of the variance that is explained, at most 1; None if the labels do not differ.
        spearman: Rank correlation, -1..1; None if labels or predictions do not differ.
        bias: Mean of prediction minus label.
    """

    n: int
    rmse: float
    mae: float
    r2: float | None
    spearman: float | None
    bias: float

    def to_dict(self) -> dict[str, Any]:
        """Returns plain numbers, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> RegressionScores:
        """Returns the scores that `to_dict` described."""
        return cls(**value)


@dataclasses.dataclass(frozen=True)
class Band:
    """How far from a prediction the right number is likely to be.

    Attributes:
        level: Share of right numbers that should lie inside.
        radius: Half its width, in the unit of the labels.
        n: Examples it was fitted on.
        guaranteed: Whether these are enough for the level to hold on average (else the radius is their largest error),
            and nothing was learned from them.
    """

    level: float
    radius: float
    n: int
    guaranteed: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns plain numbers, ready for JSON."""
        return dataclasses.asdict(self)


def score_values(labels: Reals, values: Reals) -> RegressionScores:
    """Scores predictions against labels.

    Args:
        labels: Finite (n,); n is at least 1.
        values: Finite (n,).

    Raises:
        ValueError: There are no examples, the shapes differ, or a number is not finite.

    Example:
        >>> score_values(np.array([1.0, 2.0]), np.array([1.0, 4.0])).mae
        1.0
    """
    from sklearn import metrics

    labels, values = checked_values(labels, values)
    differ = len(labels) > 1 and np.ptp(labels) > 0
    return RegressionScores(
        n=len(labels),
        rmse=float(metrics.root_mean_squared_error(labels, values)),
        mae=float(metrics.mean_absolute_error(labels, values)),
        r2=float(metrics.r2_score(labels, values)) if differ else None,
        spearman=_spearman(labels, values) if differ and np.ptp(values) > 0 else None,
        bias=float(np.mean(values - labels)),
    )


def mean_scores(train_labels: Reals, labels: Reals) -> RegressionScores:
    """Scores the best guess that never looks at an example: the mean of the training labels.

    Args:
        train_labels: (m,); m is at least 1.
        labels: (n,) of the split to score.

    Raises:
        ValueError: One of them is empty.
    """
    if len(train_labels) == 0:
        raise ValueError("The training split has 0 labels; their mean needs at least 1.")
    return score_values(labels, np.full(len(labels), np.mean(train_labels)))


def fit_band(labels: Reals, values: Reals, level: float = LEVEL) -> Band:
    """Returns the band that holds a share of right numbers (split conformal prediction).

    If new examples are like those of the validation split, and those chose nothing, the band holds at least `level`
    of their labels on average (Lei et al., "Distribution-Free Predictive Inference for Regression", JASA 2018).

    Args:
        labels: (n,) of the validation split; n is at least 1.
        values: (n,).
        level: Share, above 0 and below 1.

    Example:
        >>> fit_band(np.zeros(19), np.arange(19.0), level=0.9).radius
        17.0
    """
    labels, values = checked_values(labels, values)
    errors = np.sort(np.abs(labels - values))
    rank = math.ceil((len(errors) + 1) * level)
    return Band(level, float(errors[min(rank, len(errors)) - 1]), len(errors), rank <= len(errors))


def coverage(labels: Reals, values: Reals, band: Band) -> float:
    """Returns the share of labels that lie inside of a band around the predictions, its ends included."""
    labels, values = checked_values(labels, values)
    return float(np.mean(np.abs(labels - values) <= band.radius))


def checked_values(labels: Reals, values: Reals) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns both as float64 (n,).

    Raises:
        ValueError: There are none, they are not of one length, or not finite.
    """
    one, two = np.asarray(labels, np.float64), np.asarray(values, np.float64)
    if one.ndim != 1 or one.shape != two.shape or len(one) == 0:
        raise ValueError(f"Labels are {one.shape} and predictions {two.shape}; both must be (n,), n above 0.")
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise ValueError("Labels and predictions must be finite; look for a rate that is too high.")
    return one, two


def _spearman(labels: Reals, values: Reals) -> float:
    from scipy import stats

    return float(stats.spearmanr(labels, values).statistic)

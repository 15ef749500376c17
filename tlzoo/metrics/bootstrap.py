"""Bootstrap intervals: how far a score could have fallen otherwise with other test examples.

Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile intervals).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.metrics import resampled

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.integer[Any]]
Labels = npt.NDArray[np.integer[Any]]
Probabilities = npt.NDArray[np.floating[Any]]
Statistic = Callable[[Indices], Floats]

_CHUNK = 2_000_000  # indices drawn at a time, so that memory stays flat in the number of examples


@dataclasses.dataclass(frozen=True)
class Interval:
    """A score and where it could lie.

    Attributes:
        estimate: The score of the examples as they are.
        low: Lower end.
        high: Upper end.
        level: Share of the resamples between both ends.
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95

    def to_dict(self) -> dict[str, float]:
        """Returns plain numbers, ready for JSON."""
        return dataclasses.asdict(self)

    @property
    def excludes_zero(self) -> bool:
        """True if both ends lie on the same side of zero."""
        return self.low > 0 or self.high < 0


def interval(statistic: Statistic, n: int, seed: int, level: float = 0.95, resamples: int = 1000) -> Interval:
    """Returns the percentile interval of a statistic, widened where needed to hold the estimate itself.

    Args:
        statistic: Takes indices (r, n) into the examples and gives r values.
        n: Number of examples, at least 1.
        seed: Of the resampling.
        level: Share of the resamples inside, 0..1.
        resamples: How often n examples are drawn with replacement.

    Raises:
        ValueError: There are no examples.

    Example:
        >>> right = np.array([1.0, 1.0, 0.0, 1.0])
        >>> interval(lambda rows: right[rows].mean(axis=1), n=4, seed=0).estimate
        0.75
    """
    if n < 1:
        raise ValueError("There are 0 examples; an interval needs at least 1.")
    random = np.random.default_rng(seed)
    estimate = float(statistic(np.arange(n)[None, :])[0])
    rows = max(1, _CHUNK // n)
    values = [
        statistic(random.integers(0, n, size=(min(rows, resamples - start), n), dtype=np.int32))
        for start in range(0, resamples, rows)
    ]
    low, high = np.quantile(np.concatenate(values), [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate), level)


def metric_interval(
    labels: Labels,
    probabilities: Probabilities,
    metric: str = "accuracy",
    seed: int = 0,
    level: float = 0.95,
    task: str = "classification",
) -> Interval:
    """Returns the interval of a named metric.

    Where every decision is right (or wrong) resampling shows no spread, so an accuracy gets the exact
    one-sided bound of Clopper and Pearson (1934) there.

    Args:
        labels: Integers (n,) in 0..c-1.
        probabilities: (n, c), rows that sum to 1.
        metric: One of `resampled.METRICS`.
        seed: Of the resampling.
        level: Share of the resamples inside, 0..1.
        task: What is predicted; says what labels and probabilities are, see `resampled.statistic`.

    Raises:
        UnknownNameError: There is no such metric.

    Example:
        >>> metric_interval(np.array([0, 1]), np.eye(2)).high
        1.0
    """
    statistic = resampled.statistic(metric, labels, probabilities, task)
    found = interval(statistic, len(labels), seed, level)
    if metric != "accuracy" or 0 < found.estimate < 1:
        return found
    reach = ((1 - level) / 2) ** (1 / len(labels))
    low, high = (reach, 1.0) if found.estimate == 1 else (0.0, 1 - reach)
    return Interval(found.estimate, low, high, level)


def paired_difference(
    labels: Labels,
    probs_a: Probabilities,
    probs_b: Probabilities,
    metric: str = "accuracy",
    seed: int = 0,
    task: str = "classification",
) -> Interval:
    """Returns the interval of metric(a) - metric(b), both measured on the same resampled examples.

    Args:
        labels: Integers (n,) in 0..c-1.
        probs_a: (n, c), rows that sum to 1.
        probs_b: (n, c), of the same examples in the same order.
        metric: One of `resampled.METRICS`.
        seed: Of the resampling.
        task: What is predicted.

    Raises:
        UnknownNameError: There is no such metric.
        ValueError: The two are not of the same shape.

    Example:
        >>> paired_difference(np.array([0, 1]), np.eye(2), np.eye(2)[::-1]).estimate
        1.0
    """
    if np.shape(probs_a) != np.shape(probs_b):
        raise ValueError(
            f"Probabilities of a are {np.shape(probs_a)}, of b {np.shape(probs_b)}; pairs need one shape."
        )
    a = resampled.statistic(metric, labels, probs_a, task)
    b = resampled.statistic(metric, labels, probs_b, task)
    return interval(lambda rows: a(rows) - b(rows), len(labels), seed)


def unpaired_difference(
    a: tuple[Labels, Probabilities],
    b: tuple[Labels, Probabilities],
    metric: str = "accuracy",
    seed: int = 0,
    task: str = "classification",
) -> Interval:
    """Returns the interval of metric(a) - metric(b) where both were measured on different examples.

    Args:
        a: Labels (n,) and probabilities (n, c).
        b: Labels (m,) and probabilities (m, k).
        metric: One of `resampled.METRICS`.
        seed: Of the resampling.
        task: What is predicted.

    Raises:
        UnknownNameError: There is no such metric.

    Example:
        >>> one = (np.array([0, 1]), np.eye(2))
        >>> unpaired_difference(one, one).estimate
        0.0
    """
    first, second = (resampled.statistic(metric, *each, task) for each in (a, b))
    n, m = len(a[0]), len(b[0])
    spread = [interval(first, n, seed), interval(second, m, seed + 1)]
    estimate = spread[0].estimate - spread[1].estimate
    # Independent errors add in squares; each side keeps its own skew.
    down = np.hypot(spread[0].estimate - spread[0].low, spread[1].high - spread[1].estimate)
    up = np.hypot(spread[0].high - spread[0].estimate, spread[1].estimate - spread[1].low)
    return Interval(estimate, float(estimate - down), float(estimate + up))

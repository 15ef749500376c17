"""Metrics of many resamples at once: each takes indices (r, n) into the examples and gives r values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.errors import unknown_name
from tlzoo.metrics.calibration import bin_of
from tlzoo.metrics.resampled_tasks import MULTILABEL, REGRESSION

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.integer[Any]]
Labels = npt.NDArray[np.integer[Any]]
Probabilities = npt.NDArray[np.floating[Any]]
Statistic = Callable[[Indices], Floats]


def statistic(
    metric: str, labels: Labels, probabilities: Probabilities, task: str = "classification"
) -> Statistic:
    """Returns the function of indices that computes a named metric.

    Args:
        metric: One of `METRICS`, or of `OF_TASK[task]`.
        labels: Integers (n,) in 0..c-1; numbers (n,); or zeros and ones (n, c).
        probabilities: (n, c), rows that sum to 1; predictions (n,); or scores (n, c) with thresholds at 0.5.
        task: What is predicted.

    Raises:
        UnknownNameError: There is no such metric.

    Example:
        >>> statistic("accuracy", np.array([0, 1]), np.eye(2))(np.array([[0, 0], [1, 0]])).tolist()
        [1.0, 1.0]
    """
    if metric not in OF_TASK[task]:
        raise unknown_name(
            "metric" if task == "classification" else f"metric of {task}", metric, OF_TASK[task]
        )
    return OF_TASK[task][metric](np.asarray(labels), np.asarray(probabilities, np.float64))


def lower_is_better(metric: str) -> bool:
    """Returns True for losses and errors."""
    return metric in {"log_loss", "ece", "rmse", "mae"}


def is_share(metric: str) -> bool:
    """Returns True for metrics from 0 to 1 that people read in percent."""
    return metric not in {"log_loss", "rmse", "mae", "r2"}


def _accuracy(labels: Labels, probabilities: Probabilities) -> Statistic:
    return _mean((probabilities.argmax(axis=1) == labels).astype(np.float64))


def _log_loss(labels: Labels, probabilities: Probabilities) -> Statistic:
    right = probabilities[np.arange(len(labels)), labels]
    return _mean(-np.log(np.clip(right, np.finfo(np.float64).eps, 1.0)))


def _mean(values: Floats) -> Statistic:
    return lambda rows: np.asarray(values[rows].mean(axis=1))


def _balanced_accuracy(labels: Labels, probabilities: Probabilities) -> Statistic:
    classes = probabilities.shape[1]
    right = probabilities.argmax(axis=1) == labels

    def of(rows: Indices) -> Floats:
        drawn = _count(labels, rows, classes)
        found = _count(labels, rows, classes, weights=right)
        return _mean_of_defined(found, drawn)

    return of


def _macro_f1(labels: Labels, probabilities: Probabilities) -> Statistic:
    classes = probabilities.shape[1]
    decisions = probabilities.argmax(axis=1)
    right = decisions == labels

    def of(rows: Indices) -> Floats:
        both = _count(labels, rows, classes) + _count(decisions, rows, classes)
        return _mean_of_defined(2 * _count(labels, rows, classes, weights=right), both)

    return of


def _ece(labels: Labels, probabilities: Probabilities, bins: int = 15) -> Statistic:
    confidence = probabilities.max(axis=1)
    gap = confidence - (probabilities.argmax(axis=1) == labels)
    where = bin_of(confidence, bins)
    # Within a bin, count x |mean confidence - accuracy| is the absolute sum of the gaps.
    return lambda rows: np.abs(_count(where, rows, bins, weights=gap)).sum(axis=1) / rows.shape[1]


def _count(
    groups: npt.NDArray[np.integer[Any]], rows: Indices, size: int, weights: npt.NDArray[Any] | None = None
) -> Floats:
    """Returns (r, size): how many (or how much weight) of each group every resample drew."""
    shifted = groups[rows] + size * np.arange(len(rows))[:, None]
    drawn = None if weights is None else weights[rows].ravel()
    counts = np.bincount(shifted.ravel(), weights=drawn, minlength=size * len(rows))
    return np.asarray(counts.reshape(len(rows), size), np.float64)


def _mean_of_defined(above: Floats, below: Floats) -> Floats:
    """Returns (r,): the mean over groups of above / below, leaving out groups where below is 0."""
    defined = below > 0
    shares = np.divide(above, below, out=np.zeros_like(above), where=defined)
    return np.asarray(shares.sum(axis=1) / defined.sum(axis=1))


#: Metrics that can be resampled, by name.
METRICS: dict[str, Callable[[Labels, Probabilities], Statistic]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "log_loss": _log_loss,
    "ece": _ece,
}

#: All metrics that can be resampled, by task; the first is what a task is judged by.
OF_TASK: dict[str, dict[str, Callable[[Any, Any], Statistic]]] = {
    "classification": METRICS,
    "multilabel": MULTILABEL,
    "regression": REGRESSION,
}

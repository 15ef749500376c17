"""Metrics of many resamples at once where numbers, or sets of labels, are predicted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.integer[Any]]
Statistic = Callable[[Indices], Floats]


def _rmse(labels: Floats, values: Floats) -> Statistic:
    squares = np.square(values - labels)
    return lambda rows: np.asarray(np.sqrt(squares[rows].mean(axis=1)))


def _mae(labels: Floats, values: Floats) -> Statistic:
    errors = np.abs(values - labels)
    return lambda rows: np.asarray(errors[rows].mean(axis=1))


def _r2(labels: Floats, values: Floats) -> Statistic:
    squares = np.square(values - labels)

    def of(rows: Indices) -> Floats:
        left = squares[rows].mean(axis=1)
        spread = labels[rows].var(axis=1)
        # A resample of one number over and over has nothing to explain.
        return np.asarray(1 - np.divide(left, spread, out=np.ones_like(left), where=spread > 0))

    return of


def _micro_f1(labels: Floats, scores: Floats) -> Statistic:
    decisions = scores >= 0.5
    found, both = (decisions * labels).sum(axis=1), decisions.sum(axis=1) + labels.sum(axis=1)

    def of(rows: Indices) -> Floats:
        below = both[rows].sum(axis=1).astype(np.float64)
        above = 2.0 * found[rows].sum(axis=1)
        return np.asarray(np.divide(above, below, out=np.zeros_like(below), where=below > 0))

    return of


def _macro_f1(labels: Floats, scores: Floats) -> Statistic:
    decisions = (scores >= 0.5).astype(np.float64)

    def of(rows: Indices) -> Floats:
        both = _by_label(decisions + labels, rows)
        return _mean_of_defined(2 * _by_label(decisions * labels, rows), both)

    return of


def _mean_average_precision(labels: Floats, scores: Floats) -> Statistic:
    def of(rows: Indices) -> Floats:
        n = len(labels)
        shifted = rows + n * np.arange(len(rows))[:, None]
        drawn = np.bincount(shifted.ravel(), minlength=n * len(rows)).reshape(len(rows), n).astype(np.float64)
        found = [_average_precision(labels[:, at], scores[:, at], drawn) for at in range(labels.shape[1])]
        positives = np.stack([drawn @ labels[:, at] for at in range(labels.shape[1])], axis=1)
        return _mean_of_defined(np.stack(found, axis=1) * positives, positives)

    return of


def _average_precision(right: Floats, scores: Floats, drawn: Floats) -> Floats:
    """Returns (r,): the average precision where examples were drawn so often; as scikit-learn's, ties and all."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    hits = np.cumsum(drawn[:, order] * right[order], axis=1)[:, ends]
    shown = np.cumsum(drawn[:, order], axis=1)[:, ends]
    precision = np.divide(hits, shown, out=np.zeros_like(hits), where=shown > 0)
    gained = np.diff(hits, axis=1, prepend=0.0)
    return np.asarray((gained * precision).sum(axis=1) / np.maximum(hits[:, -1], 1))


def _by_label(values: Floats, rows: Indices) -> Floats:
    """Returns (r, c): sums over what each resample drew, a label at a time, so that memory stays flat."""
    return np.stack([values[:, at][rows].sum(axis=1) for at in range(values.shape[1])], axis=1)


def _mean_of_defined(above: Floats, below: Floats) -> Floats:
    """Returns (r,): the mean over labels of above / below, leaving out labels where below is 0."""
    defined = below > 0
    shares = np.divide(above, below, out=np.zeros_like(above), where=defined)
    return np.asarray(shares.sum(axis=1) / np.maximum(defined.sum(axis=1), 1))


#: Metrics of numbers that can be resampled, by name; they take labels (n,) and predictions (n,).
REGRESSION: dict[str, Callable[[Any, Any], Statistic]] = {"rmse": _rmse, "mae": _mae, "r2": _r2}

#: Metrics of sets of labels, by name; they take zeros and ones (n, c) and scores (n, c) with thresholds at 0.5.
MULTILABEL: dict[str, Callable[[Any, Any], Statistic]] = {
    "macro_f1": _macro_f1,
    "micro_f1": _micro_f1,
    "mean_average_precision": _mean_average_precision,
}

"""Scores where an example has any of several labels: each label by itself, and all of them together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.calibration import TEMPERATURES

Sets = npt.NDArray[np.integer[Any]]
Reals = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]

_TINY = float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True)
class LabelScore:
    """How well one label is found.

    Attributes:
        name: The label.
        n: Examples that have it.
        threshold: Probability from which on it is predicted.
        precision: Share of its predictions that are right; None if it was never predicted.
        recall: Share of its examples that are found; None if there are none.
        f1: Harmonic mean of both; None if it has no examples and was never predicted.
        average_precision: Area under its precision-recall curve; None if it has no examples.
    """

    name: str
    n: int
    threshold: float
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None


@dataclasses.dataclass(frozen=True)
class MultilabelScores:
    """Everything that is reported about one split.

    Attributes:
        n: Number of examples.
        micro_f1: F1 over all decisions, 0..1.
        macro_f1: Mean F1 of the labels that have examples or were predicted, 0..1.
        mean_average_precision: Mean over the labels that have examples, 0..1; None if none has.
        subset_accuracy: Share of examples whose labels are all right, 0..1.
        hamming_loss: Share of wrong decisions, 0..1.
        log_loss: Mean binary cross-entropy of a decision, in nats.
        per_label: In label order.
    """

    n: int
    micro_f1: float
    macro_f1: float
    mean_average_precision: float | None
    subset_accuracy: float
    hamming_loss: float
    log_loss: float
    per_label: tuple[LabelScore, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain dictionaries, lists and numbers, ready for JSON."""
        return {
            **dataclasses.asdict(self),
            "per_label": [dataclasses.asdict(each) for each in self.per_label],
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> MultilabelScores:
        """Returns the scores that `to_dict` described."""
        return cls(**{**value, "per_label": tuple(LabelScore(**each) for each in value["per_label"])})


def score_sets(
    labels: Sets, probabilities: Reals, thresholds: Sequence[float], names: Sequence[str]
) -> MultilabelScores:
    """Scores probabilities against sets of labels.

    Args:
        labels: Zeros and ones (n, c); n is at least 1.
        probabilities: (n, c), 0..1.
        thresholds: Probability from which on each label is predicted.
        names: c names in label order.

    Raises:
        ValueError: The shapes or the probabilities are wrong.

    Example:
        >>> score_sets(np.eye(2, dtype=int), np.eye(2), [0.5, 0.5], ["a", "b"]).subset_accuracy
        1.0
    """
    from sklearn import metrics

    labels, probabilities = checked_sets(labels, probabilities, len(names))
    decisions = (probabilities >= np.asarray(thresholds)).astype(np.int64)
    per_label = _per_label(labels, decisions, probabilities, thresholds, names)
    precisions = [each.average_precision for each in per_label if each.average_precision is not None]
    f1s = [each.f1 for each in per_label if each.f1 is not None]
    return MultilabelScores(
        n=len(labels),
        micro_f1=float(metrics.f1_score(labels, decisions, average="micro", zero_division=0.0)),
        macro_f1=float(np.mean(f1s)) if f1s else 0.0,
        mean_average_precision=float(np.mean(precisions)) if precisions else None,
        subset_accuracy=float(metrics.accuracy_score(labels, decisions)),
        hamming_loss=float(metrics.hamming_loss(labels, decisions)),
        log_loss=float(cross_entropies(labels, probabilities).mean()),
        per_label=per_label,
    )


def commonest_scores(train_labels: Sets, labels: Sets, names: Sequence[str]) -> MultilabelScores:
    """Scores the best guesses that never look at an example.

    The decision is the commonest set of labels of the training split (the first in order if several are), and each
    label's probability is its share of the training examples, which ranks nothing and so gives the average precision
    of chance.

    Args:
        train_labels: Zeros and ones (m, c); m is at least 1.
        labels: Zeros and ones (n, c) of the split to score.
        names: c names in label order.
    """
    sets, counts = np.unique(train_labels, axis=0, return_counts=True)
    commonest = sets[counts.argmax()]
    shares = np.asarray(train_labels, np.float64).mean(axis=0)
    # A threshold on the very share decides as the commonest set does, whatever the share is.
    thresholds = np.where(commonest > 0, shares, np.nextafter(shares, 2.0))
    return score_sets(labels, np.tile(shares, (len(labels), 1)), thresholds.tolist(), names)


def sigmoid(logits: Reals, temperature: float = 1.0) -> Floats:
    """Turns logits into probabilities, each by itself, without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64) / temperature)))


def cross_entropies(labels: Sets, probabilities: Reals) -> Floats:
    """Returns the binary cross-entropy (n, c) of every decision; probabilities are kept off 0 and 1 by the epsilon."""
    sure = np.clip(np.asarray(probabilities, np.float64), _TINY, 1 - _TINY)
    return np.asarray(-np.where(labels > 0, np.log(sure), np.log1p(-sure)))


def fit_sigmoid_temperature(logits: Reals, labels: Sets) -> float:
    """Returns the temperature that makes the validation split's labels most likely, in 0.05..20.

    The loss is convex in 1/T. Labels are smoothed by 1/(n + 2), as Platt (1999) does.

    Args:
        logits: (n, c), finite.
        labels: Zeros and ones (n, c).

    Raises:
        ValueError: A logit is not finite.
    """
    from scipy import optimize

    rows = np.asarray(logits, np.float64)
    if not np.isfinite(rows).all():
        raise ValueError("Logits must be finite to fit a temperature; look for a rate that is too high.")
    if rows.size == 0 or not rows.any():
        return 1.0
    smoothing = 1.0 / (len(rows) + 2)
    wanted = np.where(np.asarray(labels) > 0, 1 - smoothing, smoothing)

    def loss(beta: float) -> float:
        return float(np.mean(np.logaddexp(0.0, beta * rows) - wanted * beta * rows))

    ends = (1.0 / TEMPERATURES[1], 1.0 / TEMPERATURES[0])
    return float(1.0 / optimize.minimize_scalar(loss, bounds=ends, method="bounded").x)


def fit_thresholds(labels: Sets, probabilities: Reals) -> list[float]:
    """Returns, for each label, the probability from which on predicting it gives the best F1.

    A threshold lies midway between two probabilities, and between 0.02 and 0.98. Labels that few validation examples
    have share one threshold, the best of all their decisions together: the best of so few by itself would be chance.

    Args:
        labels: Zeros and ones (n, c) of the validation split.
        probabilities: (n, c).
    """
    positives = labels.sum(axis=0)
    rare = np.minimum(positives, len(labels) - positives) < _ENOUGH
    shared = _threshold(labels[:, rare].ravel() > 0, probabilities[:, rare].ravel())
    return [
        shared if rare[at] else _threshold(labels[:, at] > 0, probabilities[:, at])
        for at in range(labels.shape[1])
    ]


def centred(probabilities: Reals, thresholds: Sequence[float]) -> Floats:
    """Returns probabilities (n, c) moved, in two straight lines per label, so that every threshold stands at 0.5.

    Order within a label stays, and with it every average precision; decisions need no thresholds any more.

    Example:
        >>> centred(np.array([[0.2, 0.6]]), [0.2, 0.2]).tolist()
        [[0.5, 0.75]]
    """
    at, found = np.asarray(thresholds, np.float64), np.asarray(probabilities, np.float64)
    return np.asarray(np.where(found < at, 0.5 * found / at, 0.5 + 0.5 * (found - at) / (1 - at)))


def checked_sets(labels: Sets, probabilities: Reals, classes: int) -> tuple[Sets, Floats]:
    """Returns both as arrays fit for scoring.

    Raises:
        ValueError: There are none, they are not (n, classes), or not in 0..1.
    """
    sets, rows = np.asarray(labels, np.int64), np.asarray(probabilities, np.float64)
    if sets.ndim != 2 or sets.shape != rows.shape or len(sets) == 0 or sets.shape[1] != classes:
        raise ValueError(
            f"Labels are {sets.shape} and probabilities {rows.shape}; both must be (n, {classes}), n above 0."
        )
    if not np.isin(sets, (0, 1)).all() or not ((rows >= 0) & (rows <= 1)).all():
        raise ValueError("Labels must be zeros and ones, and probabilities lie in 0..1.")
    return sets, rows


#: Validation examples with and without a label that choosing its threshold takes.
_ENOUGH = 5


def _threshold(right: npt.NDArray[np.bool_], scores: Reals) -> float:
    from sklearn import metrics

    if min(right.sum(), (~right).sum()) < _ENOUGH:
        return 0.5
    precision, recall, levels = metrics.precision_recall_curve(right, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, _TINY)
    best = int(f1[:-1].argmax())
    below = scores[scores < levels[best]]
    middle = (levels[best] + below.max()) / 2 if len(below) else levels[best]
    return float(np.clip(middle, 0.02, 0.98))


def _per_label(
    labels: Sets,
    decisions: Sets,
    probabilities: Reals,
    thresholds: Sequence[float],
    names: Sequence[str],
) -> tuple[LabelScore, ...]:
    from sklearn import metrics

    # nan marks what has no denominator; scikit-learn's 0 would call an absent label badly recognised.
    columns = metrics.precision_recall_fscore_support(labels, decisions, average=None, zero_division=np.nan)
    precision, recall, f1, support = columns
    found = []
    for at, name in enumerate(names):
        p, r, f = (None if np.isnan(column[at]) else float(column[at]) for column in (precision, recall, f1))
        ranked = metrics.average_precision_score(labels[:, at], probabilities[:, at]) if support[at] else None
        average = None if ranked is None else float(ranked)
        found.append(LabelScore(name, int(support[at]), float(thresholds[at]), p, r, f, average))
    return tuple(found)

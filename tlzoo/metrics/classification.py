"""Scores of a classifier: one frozen value that says how good a set of probabilities is.

What scikit-learn computes comes from scikit-learn; this module decides what is asked of it when a class is
absent, so that no score is made of undefined parts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.calibration import ece

Labels = npt.NDArray[np.integer[Any]]
Probabilities = npt.NDArray[np.floating[Any]]

#: Most classes for which `Scores` holds the confusion matrix.
LARGEST_CONFUSION = 200


@dataclasses.dataclass(frozen=True)
class ClassScore:
    """How well one class is found.

    Attributes:
        name: The class.
        n: Examples that carry its label.
        precision: Share of the predictions of this class that are right; None if it was never predicted.
        recall: Share of its examples that are found; None if it has no examples.
        f1: Harmonic mean of both; None if it has no examples and was never predicted.
    """

    name: str
    n: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclasses.dataclass(frozen=True)
class Scores:
    """Everything that is reported about one split.

    Attributes:
        n: Number of examples.
        accuracy: Share of right decisions, 0..1.
        balanced_accuracy: Mean recall of the classes that have examples, 0..1.
        macro_f1: Mean F1 of the classes that have examples or were predicted, 0..1.
        log_loss: Mean negative log-probability of the right class, in nats; probabilities are floored at the
            machine epsilon.
        ece: Expected calibration error of the winning class in 15 bins, 0..1.
        auroc: Area under the ROC curve: of class 1 if there are two, else the macro mean of one against the
            rest; None if a class has no examples.
        per_class: In label order.
        confusion: Counts; rows are true classes, columns predicted ones. Empty above 200 classes, where the
            square would outgrow everything else that is written about a run.
    """

    n: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    log_loss: float
    ece: float
    auroc: float | None
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain dictionaries, lists and numbers, ready for JSON."""
        return {
            **dataclasses.asdict(self),
            "per_class": [dataclasses.asdict(each) for each in self.per_class],
            "confusion": [list(row) for row in self.confusion],
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Scores:
        """Returns the scores that `to_dict` described."""
        return cls(
            **{
                **value,
                "per_class": tuple(ClassScore(**each) for each in value["per_class"]),
                "confusion": tuple(tuple(row) for row in value["confusion"]),
            }
        )


def score(labels: Labels, probabilities: Probabilities, class_names: Sequence[str]) -> Scores:
    """Scores probabilities against labels.

    Args:
        labels: Integers (n,) in 0..c-1; n is at least 1.
        probabilities: (n, c), rows that sum to 1 within 0.001.
        class_names: c names in label order.

    Raises:
        ValueError: The shapes, the range of the labels or the probabilities are wrong.

    Example:
        >>> score(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), ["cat", "dog"]).accuracy
        0.5
    """
    labels, probabilities = checked(labels, probabilities, classes=len(class_names))
    decisions = probabilities.argmax(axis=1)
    per_class = _per_class(labels, decisions, class_names)
    recalls = [each.recall for each in per_class if each.recall is not None]
    f1s = [each.f1 for each in per_class if each.f1 is not None]
    return Scores(
        n=len(labels),
        accuracy=float(np.mean(decisions == labels)),
        balanced_accuracy=float(np.mean(recalls)),
        macro_f1=float(np.mean(f1s)),
        log_loss=_log_loss(labels, probabilities),
        ece=ece(labels, probabilities),
        auroc=_auroc(labels, probabilities),
        per_class=per_class,
        confusion=()
        if len(class_names) > LARGEST_CONFUSION
        else _square(labels, decisions, len(class_names)),
    )


def confusion_counts(labels: Labels, decisions: Labels, classes: int) -> npt.NDArray[np.int64]:
    """Returns counts (c, c); rows are true classes, columns predicted ones.

    Args:
        labels: Integers (n,) in 0..c-1.
        decisions: Integers (n,) in 0..c-1.
        classes: c.

    Example:
        >>> confusion_counts(np.array([0, 1]), np.array([1, 1]), 2).tolist()
        [[0, 1], [0, 1]]
    """
    # Not scikit-learn's: it warns about a single class even when that class was asked for.
    flat = np.asarray(labels, np.int64) * classes + decisions
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def majority_scores(train_labels: Labels, labels: Labels, class_names: Sequence[str]) -> Scores:
    """Scores the best guess that never looks at an image.

    Every example gets the class frequencies of the training split as its probabilities, so the decision is
    always the most common class (the first of them in label order if several are).

    Args:
        train_labels: Integers (m,) in 0..c-1 of the training split; m is at least 1.
        labels: Integers (n,) in 0..c-1 of the split to score.
        class_names: c names in label order.

    Raises:
        ValueError: The training split is empty, or a label is out of range.

    Example:
        >>> majority_scores(np.array([0, 0, 1]), np.array([0, 1]), ["cat", "dog"]).accuracy
        0.5
    """
    if len(train_labels) == 0:
        raise ValueError("The training split has 0 labels; the majority needs at least 1.")
    frequencies = np.bincount(train_labels, minlength=len(class_names)) / len(train_labels)
    return score(labels, np.tile(frequencies, (len(labels), 1)), class_names)


def checked(labels: Labels, probabilities: Probabilities, *, classes: int) -> tuple[Labels, Probabilities]:
    """Returns both as arrays fit for scoring: rows in float64 that sum to 1 exactly.

    Args:
        labels: Integers (n,) in 0..c-1; n is at least 1.
        probabilities: (n, c), rows that sum to 1 within 0.001.
        classes: c.

    Raises:
        ValueError: They are not what is described above.
    """
    labels, rows = np.asarray(labels), np.asarray(probabilities, np.float64)
    if len(labels) == 0:
        raise ValueError("There are 0 examples to score; scores need at least 1.")
    if rows.shape != (len(labels), classes):
        raise ValueError(
            f"Probabilities are {rows.shape}; {len(labels)} labels and {classes} names need "
            f"({len(labels)}, {classes})."
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"Labels run from {labels.min()} to {labels.max()}; allowed is 0..{classes - 1}.")
    sums = rows.sum(axis=1, keepdims=True)
    if not np.isfinite(sums).all() or rows.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        raise ValueError("Probabilities must be finite, not negative, and sum to 1 in each row.")
    return labels, rows / sums


def _square(labels: Labels, decisions: Labels, classes: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in confusion_counts(labels, decisions, classes).tolist())


def _per_class(labels: Labels, decisions: Labels, class_names: Sequence[str]) -> tuple[ClassScore, ...]:
    from sklearn import metrics

    # nan marks what has no denominator; scikit-learn's 0 would call an absent class badly recognised.
    columns = metrics.precision_recall_fscore_support(
        labels, decisions, labels=np.arange(len(class_names)), zero_division=np.nan
    )
    precision, recall, f1, support = columns
    return tuple(
        ClassScore(name, int(support[i]), _defined(precision[i]), _defined(recall[i]), _defined(f1[i]))
        for i, name in enumerate(class_names)
    )


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _log_loss(labels: Labels, probabilities: Probabilities) -> float:
    from sklearn import metrics

    classes = probabilities.shape[1]
    if classes == 1:  # scikit-learn refuses a single label, whose loss is known
        return 0.0
    return float(metrics.log_loss(labels, probabilities, labels=np.arange(classes)))


def _auroc(labels: Labels, probabilities: Probabilities) -> float | None:
    from sklearn import metrics

    classes = probabilities.shape[1]
    if len(np.unique(labels)) != classes or classes < 2:
        return None
    if classes == 2:
        return float(metrics.roc_auc_score(labels, probabilities[:, 1]))
    return float(metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"))

"""Label noise: examples whose label a model that never saw them confidently disagrees with.

Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021, arXiv:1911.00068.
The library of its authors, cleanlab, does the same and much more; it needs pandas, which nothing else here does, for
what is a comparison of two arrays. Tests hold both side by side.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Reals = npt.NDArray[np.floating[Any]]

FOLDS = 5
"""Parts of the data that take turns being judged by a head that has not seen them."""
STRENGTHS = (0.001, 0.01, 0.1)
"""Inverse penalties of the heads that are tried."""


@dataclasses.dataclass(frozen=True)
class LabelIssue:
    """A label that is probably wrong.

    Attributes:
        index: Position of the example.
        label: Its label, 0..c-1.
        suggested: The class it confidently looks like.
        probability_of_label: Out of fold.
        probability: Of the suggested class, out of fold.
    """

    index: int
    label: int
    suggested: int
    probability_of_label: float
    probability: float


def find_label_issues(labels: Labels, probabilities: Reals) -> list[LabelIssue]:
    """Returns the labels that are confidently disagreed with, the worst first.

    A class is confidently seen where its probability reaches what it has on average among the examples that carry its
    label, so that a class a model is never sure of is not blamed for that.

    Args:
        labels: Integers (n,) in 0..c-1.
        probabilities: (n, c), rows that sum to 1, of models that have not seen the example.

    Example:
        >>> seen = np.array([[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 5)
        >>> [issue.index for issue in find_label_issues(np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]), seen)]
        [4]
    """
    rows = np.asarray(probabilities, np.float64)
    seen = _confident(np.asarray(labels), rows)
    place = np.arange(len(labels))
    # Where its own label is the likeliest after all, nobody disagrees.
    at = np.flatnonzero((seen >= 0) & (rows[place, seen] > rows[place, labels]))
    of_label, of_seen = rows[at, labels[at]], rows[at, seen[at]]
    order = np.lexsort((at, of_label - of_seen))
    return [
        LabelIssue(int(at[i]), int(labels[at[i]]), int(seen[at[i]]), float(of_label[i]), float(of_seen[i]))
        for i in order
    ]


def noise_share(labels: Labels, probabilities: Reals) -> float:
    """Returns the estimated share of wrong labels, 0..1: off the diagonal of the calibrated confident joint.

    Args:
        labels: Integers (n,) in 0..c-1; n is at least 1.
        probabilities: As for `find_label_issues`.
    """
    rows, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    seen, classes = _confident(labels, rows), rows.shape[1]
    known = seen >= 0
    joint = np.zeros((classes, classes))
    np.add.at(joint, (labels[known], seen[known]), 1)
    shares = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1)
    counts = np.bincount(labels, minlength=classes)
    off = 1 - np.diag(shares)
    return float((off * (joint.sum(axis=1) > 0)) @ counts / len(labels))


def _confident(labels: Labels, rows: Floats) -> Labels:
    """Returns the class that each example is confidently seen as; -1 where it is none."""
    counts = np.bincount(labels, minlength=rows.shape[1])
    own = np.bincount(labels, rows[np.arange(len(labels)), labels], minlength=rows.shape[1])
    # A class without examples has no confidence to compare with, and is never suggested.
    floors = np.where(counts > 0, own / np.maximum(counts, 1), np.inf)
    reached = np.where(rows >= floors - 1e-9, rows, -1.0)
    return np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1)


def out_of_fold(
    features: Reals, labels: Labels, groups: Sequence[str] | None = None, seed: int = 0
) -> Floats:
    """Returns probabilities (n, c) of every example by a linear head that has not seen it.

    Logistic regression on standardised features; its penalty is the one that says most of the first fold.

    Args:
        features: (n, d), finite.
        labels: Integers (n,) in 0..c-1; every class has 2 examples or more.
        groups: What must not be in two folds, such as copies; (n,).
        seed: Of the folds.

    Raises:
        ValueError: There are too few examples, or groups, for 2 folds.
    """
    from sklearn.exceptions import ConvergenceWarning

    rows, labels = _standardised(features), np.asarray(labels)
    classes = int(labels.max()) + 1
    names = np.asarray(groups if groups is not None else np.arange(len(labels)).astype(str))
    parts = _folds(labels, names, seed)
    found = np.zeros((len(labels), classes))
    strength = STRENGTHS[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a step from the optimum serves as well
        for number, (seen, held) in enumerate(parts):
            tried = STRENGTHS if number == 0 else (strength,)
            answers = [_answers(rows, labels, seen, held, each, classes) for each in tried]
            losses = [_log_loss(each, labels[held]) for each in answers]
            best = int(np.argmin(losses))
            strength, found[held] = tried[best], answers[best]
    return found


def _standardised(features: Reals) -> npt.NDArray[np.float32]:
    rows = np.asarray(features, np.float32)
    deviation = rows.std(axis=0, dtype=np.float64)
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    return np.asarray(centred / np.where(deviation < 1e-6, 1.0, deviation), np.float32)


def _folds(labels: Labels, names: npt.NDArray[Any], seed: int) -> list[tuple[Labels, Labels]]:
    from sklearn.model_selection import StratifiedGroupKFold

    count = min(FOLDS, int(np.bincount(labels)[np.unique(labels)].min()), len(np.unique(names)))
    if count < 2:
        raise ValueError("Too few examples of a class, or groups, to judge any by the others; 2 are needed.")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # a class with fewer groups than folds: then folds differ
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        return [(seen, held) for seen, held in splitter.split(labels, labels, names) if len(held)]


def _answers(
    rows: npt.NDArray[np.float32], labels: Labels, seen: Labels, held: Labels, strength: float, classes: int
) -> Floats:
    from sklearn.linear_model import LogisticRegression

    known = np.unique(labels[seen])
    found = np.zeros((len(held), classes))
    if len(known) == 1:
        found[:, known[0]] = 1.0
        return found
    head = LogisticRegression(C=strength, max_iter=100, tol=1e-3).fit(rows[seen], labels[seen])
    found[:, head.classes_] = head.predict_proba(rows[held])
    return found


def _log_loss(answers: Floats, labels: Labels) -> float:
    return float(-np.log(np.maximum(answers[np.arange(len(labels)), labels], 1e-12)).mean())

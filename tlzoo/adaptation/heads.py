"""Linear heads on features: logistic regression, and self-training on the target's confident pseudo-labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]

ROUNDS = (0.2, 0.35, 0.5)
"""Shares of the target that pseudo-labels of one round after another are taken from, the most confident first."""

_ABSENT = -30.0
"""Bias of a class without an example: e^-30 of the others."""
_STEPS = 200


@dataclasses.dataclass(frozen=True)
class Linear:
    """A linear head.

    Attributes:
        kernel: (d, c).
        bias: (c,).
    """

    kernel: Floats
    bias: Floats

    def logits(self, features: Features) -> Floats:
        """Returns logits (n, c) of features (n, d)."""
        return np.asarray(features @ self.kernel + self.bias, np.float64)

    def probabilities(self, features: Features) -> Floats:
        """Returns probabilities (n, c) of features (n, d)."""
        logits = self.logits(features)
        rows = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(rows / rows.sum(axis=1, keepdims=True), np.float64)

    def decisions(self, features: Features) -> npt.NDArray[np.int64]:
        """Returns classes int (n,) of features (n, d)."""
        return np.asarray(self.logits(features).argmax(axis=1), np.int64)


def fit(features: Features, labels: Labels, classes: int, strength: float) -> Linear:
    """Fits a logistic regression in which every class weighs the same.

    Shares of the classes in the target are unknown, so none is presumed.

    Args:
        features: (n, d), each of about unit deviation.
        labels: Integers (n,) in 0..c-1; classes may be absent.
        classes: c.
        strength: Above 0, of the examples against half the squared norm of the kernel (scikit-learn's C).

    Returns:
        The head; a class without an example is never decided for.
    """
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels)
    kernel, bias = np.zeros((features.shape[1], classes)), np.full(classes, _ABSENT)
    bias[present] = 0.0
    if len(present) < 2:
        return Linear(kernel, bias)
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=_STEPS, tol=1e-4)
    model.fit(features, labels)
    if (
        len(present) == 2
    ):  # one column says how much the second is preferred: half to each keeps logits centred
        kernel[:, present] = np.stack([-model.coef_[0], model.coef_[0]], axis=1) / 2
        bias[present] = np.array([-model.intercept_[0], model.intercept_[0]]) / 2
    else:
        kernel[:, present], bias[present] = model.coef_.T, model.intercept_
    return Linear(kernel, bias)


def self_train(
    source: Features,
    labels: Labels,
    target: Features,
    classes: int,
    strength: float,
    rounds: Sequence[float] = ROUNDS,
) -> Linear:
    """Fits a head on the source, and again on source and pseudo-labelled target, round after round.

    In each round every class gets its share of the target examples that are surest of it: its share in the source.
    Without that a class which the first head hardly finds would vanish. Zou et al., "Unsupervised domain adaptation for
    semantic segmentation via class-balanced self-training", ECCV 2018; Lee, "Pseudo-label", ICML Workshops 2013.

    Args:
        source: (n, d).
        labels: Integers (n,) in 0..c-1.
        target: (m, d).
        classes: c.
        strength: As for `fit`.
        rounds: Shares of the target that are pseudo-labelled, in (0, 1].
    """
    head = fit(source, labels, classes, strength)
    shares = np.bincount(labels, minlength=classes) / len(labels)
    for part in rounds:
        chosen, pseudo = confident(head.logits(target), shares, part)
        head = fit(
            np.concatenate([source, target[chosen]]), np.concatenate([labels, pseudo]), classes, strength
        )
    return head


def confident(
    logits: Floats, shares: Floats, part: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns which examples are surest of a class, and of which; each class gets its share of them.

    Args:
        logits: (m, c).
        shares: Of the classes (c,), that sum to 1.
        part: Share of the examples that is chosen, in (0, 1].

    Returns:
        Indices int (k,) and their classes int (k,); no example twice.

    Example:
        >>> confident(np.array([[3.0, 0.0], [1.0, 0.0], [0.5, 0.0]]), np.array([0.5, 0.5]), 0.7)[1].tolist()
        [0, 1]
    """
    # How much sooner an example belongs to a class than to its best other one: ranks are right where biases are not.
    best = np.sort(logits, axis=1)[:, -2:]
    others = np.where(logits == best[:, 1:], best[:, :1], best[:, 1:])
    lead = logits - others
    chosen: list[npt.NDArray[np.int64]] = []
    free = np.ones(len(logits), bool)
    for each in np.argsort(shares):  # rare classes choose first
        count = round(part * float(shares[each]) * len(logits))
        order = np.argsort(-np.where(free, lead[:, each], -np.inf), kind="stable")[:count]
        order = order[free[order]]
        free[order] = False
        chosen.append(order)
    pseudo = np.repeat(np.argsort(shares), [len(part) for part in chosen])
    return np.concatenate(chosen), pseudo

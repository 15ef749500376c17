"""Vector scaling: a factor and an offset per class, where one temperature for all does not calibrate enough.

Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599, section 4.2.
Unlike a temperature it can change decisions, so it has to prove more: it is chosen only where held-out examples gain
beyond noise, and, unless that is allowed, no decision changes.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.calibration import TEMPERATURES, fit_temperature, softmax

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Reals = npt.NDArray[np.floating[Any]]

FOLDS = 5
"""Parts of the validation split that take turns judging."""
PULL = 1.0
"""Examples' worth of belief that all classes need the same factor and no offset."""


@dataclasses.dataclass(frozen=True)
class Scaling:
    """A factor and an offset per class.

    Attributes:
        factors: What logits are multiplied by once their mean is subtracted, above 0, (c,).
        offsets: What is then added, (c,), of mean 0.
    """

    factors: tuple[float, ...]
    offsets: tuple[float, ...]

    def __call__(self, logits: Reals) -> Floats:
        """Returns logits (n, c) that give calibrated probabilities under a plain softmax."""
        rows = np.asarray(logits, np.float64)
        # A shift of all logits means nothing to a softmax; without this it would to the factors.
        return np.asarray((rows - rows.mean(axis=-1, keepdims=True)) * self.factors + self.offsets)


@dataclasses.dataclass(frozen=True)
class Choice:
    """What calibrates a validation split better, and how that was found out.

    Attributes:
        kind: `temperature` or `vector`.
        temperature: Fitted on all of it.
        scaling: Fitted on all of it.
        gain: By how much vector scaling lowers the log-loss of held-out examples, in nats.
        noise: Standard error of that.
        changed: Decisions it would change.
        reason: Why the kind was chosen.
    """

    kind: str
    temperature: float
    scaling: Scaling
    gain: float
    noise: float
    changed: int
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, ready for JSON."""
        return dataclasses.asdict(self)


def fit_vector(logits: Reals, labels: Labels) -> Scaling:
    """Returns the factors and offsets that make validation probabilities most likely.

    Labels are smoothed as `fit_temperature` does, and both are pulled towards its answer, so that a class with few
    examples is not stretched to fit them. The loss is smooth; L-BFGS finds its minimum.

    Args:
        logits: (n, c), finite, of the validation split; n is at least 1.
        labels: Integers (n,) in 0..c-1.

    Raises:
        ValueError: A logit is not finite.
    """
    from scipy import optimize

    temperature = fit_temperature(logits, labels)
    rows = np.asarray(logits, np.float64)
    n, classes = rows.shape
    rows = rows - rows.mean(axis=1, keepdims=True)
    smoothing = 1.0 / (n + 2)
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    start = -np.log(temperature)

    def loss(values: Floats) -> tuple[float, Floats]:
        factors, offsets = np.exp(values[:classes]), values[classes:]
        scaled = rows * factors + offsets
        logs = scaled - scaled.max(axis=1, keepdims=True)
        logs = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
        pulled = np.append(values[:classes] - start, offsets)
        errors = (np.exp(logs) - targets) / n
        slopes = np.append((errors * rows).sum(axis=0) * factors, errors.sum(axis=0))
        value = -(targets * logs).sum() / n + PULL / (2 * n) * float(pulled @ pulled)
        return value, slopes + PULL / n * pulled

    bounds = [tuple(-np.log(TEMPERATURES[::-1]))] * classes + [(None, None)] * classes
    first = np.append(np.full(classes, start), np.zeros(classes))
    best = optimize.minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds).x
    offsets = best[classes:] - best[classes:].mean()
    return Scaling(tuple(np.exp(best[:classes]).tolist()), tuple(offsets.tolist()))


def choose_scaling(logits: Reals, labels: Labels, *, may_change: bool = False, seed: int = 0) -> Choice:
    """Returns whether a temperature or vector scaling calibrates better, by cross-validation.

    Args:
        logits: (n, c), finite, of the validation split; n is at least 1.
        labels: Integers (n,) in 0..c-1.
        may_change: Whether decisions may change.
        seed: Of the folds.

    Returns:
        Vector scaling where held-out examples gain more than one standard error by it, and it changes no decision of
        the split (or may); the temperature otherwise.
    """
    rows = np.asarray(logits, np.float64)
    temperature, scaling = fit_temperature(rows, labels), fit_vector(rows, labels)
    changed = int(np.sum(scaling(rows).argmax(axis=1) != rows.argmax(axis=1)))
    gains = _gains(rows, np.asarray(labels), seed)
    gain = float(gains.mean()) if len(gains) else 0.0
    noise = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else 0.0
    if not gain > noise:
        kind, reason = "temperature", "held-out examples do not gain beyond noise"
    elif changed and not may_change:
        kind, reason = "temperature", "vector scaling would change decisions"
    else:
        kind, reason = "vector", "held-out examples gain beyond noise"
    return Choice(kind, temperature, scaling, gain, noise, changed, reason)


def _gains(rows: Floats, labels: Labels, seed: int) -> Floats:
    """Returns by how much the log-loss of each held-out example falls, (n,); nothing where folds make no sense."""
    if len(rows) < 2 * FOLDS:
        return np.zeros(0)
    fold = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
    gains = np.empty(len(rows))
    for each in range(FOLDS):
        seen, held = fold != each, fold == each
        plain = softmax(rows[held], fit_temperature(rows[seen], labels[seen]))
        turned = softmax(fit_vector(rows[seen], labels[seen])(rows[held]))
        place = np.arange(int(held.sum())), labels[held]
        gains[held] = np.log(np.maximum(turned[place], 1e-12)) - np.log(np.maximum(plain[place], 1e-12))
    return gains

"""What a verdict measures, on what, and which examples make up a part of the data: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tlzoo.metrics import multilabel
from tlzoo.metrics.calibration import fit_temperature, softmax
from tlzoo.metrics.resampled import OF_TASK, lower_is_better


def metric_of(task: str) -> str:
    """Returns the metric a task is judged by, as `compare` does."""
    return next(iter(OF_TASK[task]))


def part_of(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Returns which examples make up a share of the data: the rarest labels first, then by chance, class by class.

    Args:
        labels: Of the training split: classes (n,), sets (n, c) or numbers (n,).
        share: In (0, 1).
        seed: Of the choice; a smaller share with the same seed is a part of a larger one.

    Returns:
        int64 (m,), m at least the number of labels.
    """
    order = np.random.default_rng([seed, 17]).permutation(len(labels))
    shuffled = labels[order]
    if labels.dtype.kind == "f":
        return order[: max(2, round(share * len(labels)))]
    if labels.ndim == 2:
        first = {
            int(np.flatnonzero(shuffled[:, at])[0]) for at in range(labels.shape[1]) if shuffled[:, at].any()
        }
        rest = [at for at in range(len(order)) if at not in first]
        chosen = [*sorted(first), *rest][: max(len(first), round(share * len(labels)))]
        return order[chosen]
    parts = [
        np.flatnonzero(shuffled == name)[: max(1, round(share * int((labels == name).sum())))]
        for name in np.unique(labels)
    ]
    return order[np.concatenate(parts)]


def answers_of(
    task: str, logits: Mapping[str, np.ndarray], labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns answers on validation and test as `metrics.resampled` takes them, calibrated on validation.

    Args:
        task: What is learned.
        logits: Of `validation` and `test`, finite.
        labels: Of validation.
    """
    pair = logits["validation"], logits["test"]
    if task == "regression":
        return pair[0][:, 0].astype(np.float64), pair[1][:, 0].astype(np.float64)
    if task == "multilabel":
        temperature = multilabel.fit_sigmoid_temperature(pair[0], labels)
        one, two = (multilabel.sigmoid(each, temperature) for each in pair)
        thresholds = multilabel.fit_thresholds(labels, one)
        return multilabel.centred(one, thresholds), multilabel.centred(two, thresholds)
    temperature = fit_temperature(pair[0], labels)
    return softmax(pair[0], temperature), softmax(pair[1], temperature)


def better(task: str) -> int:
    """Returns 1 where more of the task's metric is better, -1 where less is."""
    return -1 if lower_is_better(metric_of(task)) else 1

"""Classification: one label of several for each example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tlzoo.plans import TaskName


@dataclass(frozen=True)
class Classification:
    """One label of several.

    Attributes:
        class_names: In label order; two or more.
    """

    class_names: tuple[str, ...]

    @property
    def name(self) -> TaskName:
        """What plans call it."""
        return "classification"

    @property
    def shown(self) -> str:
        """Name of the metric that is shown while training."""
        return "accuracy"

    @property
    def start(self) -> tuple[float, ...]:
        """Nothing: a new head says zero."""
        return ()

    @property
    def floor(self) -> float:
        """Least deviation a feature is divided by: no probability leaves 0..1, whatever a feature does."""
        return 0.0

    def head(self) -> keras.layers.Dense:
        """Returns the head: one Dense layer of logits, kernel zeros so that training starts unbiased.

        Zero initialisation follows BiT (Kolesnikov et al., ECCV 2020).
        """
        return keras.layers.Dense(
            len(self.class_names), kernel_initializer="zeros", dtype="float32", name="head"
        )

    def loss(self, label_smoothing: float = 0.0) -> keras.losses.Loss:
        """Returns the cross-entropy of logits against one-hot labels."""
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns what is shown while training."""
        return [keras.metrics.CategoricalAccuracy(name="accuracy")]

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Turns labels int (n,) into one-hot float32 (n, c)."""
        return np.eye(len(self.class_names), dtype=np.float32)[labels]

    def weights(self, labels: np.ndarray, chosen: np.ndarray, how: str) -> np.ndarray:
        """Returns the class weight of some examples, float32 (m,)."""
        return class_weights(labels, len(self.class_names), how)[chosen]

    def unseen(self, labels: np.ndarray) -> list[str]:
        """Returns the classes that no label names."""
        return [self.class_names[at] for at in np.setdiff1d(np.arange(len(self.class_names)), labels)]

    def each(self, targets: Any, outputs: Any) -> Any:
        """Returns the cross-entropy (b, h) of logits (b, h, c) against one-hot targets (b, 1, c)."""
        return cross_entropy(targets, outputs)

    def judged(self, outputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the cross-entropy (n, h) of logits (n, h, c), and whether they are right (n, h)."""
        return judged_classes(outputs, labels)

    def in_units(self, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the weights as they are: logits have no unit."""
        return kernel, bias


def cross_entropy(targets: Any, logits: Any) -> Any:
    """Returns the cross-entropy (…) of logits (…, c) against one-hot targets that broadcast to them."""
    return -keras.ops.sum(targets * keras.ops.log_softmax(logits, axis=-1), axis=-1)


def judged_classes(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cross-entropy (n, heads) of logits (n, heads, c) on each example, and whether they are right."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    chosen = logits[np.arange(len(labels)), :, labels]
    return np.log(np.exp(logits).sum(axis=-1)) - chosen, logits.argmax(axis=-1) == labels[:, None]


def class_weights(labels: np.ndarray, classes: int, how: str) -> np.ndarray:
    """Returns one weight per class with mean 1 over the examples.

    Args:
        labels: Training labels, int (n,).
        classes: How many classes there are.
        how: `none`, `balanced` (inverse frequency) or `sqrt` (its square root).

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]), 2, "balanced").round(2).tolist()
        [0.67, 2.0]
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1).astype(np.float64)
    power = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[how]
    weights = counts**-power
    return (weights / (weights[labels].mean())).astype(np.float32)

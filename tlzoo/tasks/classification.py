"""Classification: one label of several for each example."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class Classification:
    """One label of several.

    Attributes:
        class_names: In label order; two or more.
    """

    class_names: tuple[str, ...]

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

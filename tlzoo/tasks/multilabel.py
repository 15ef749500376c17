"""Multilabel: any of several labels for each example, perhaps none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tlzoo.plans import TaskName


@dataclass(frozen=True)
class Multilabel:
    """Any of several labels.

    Heads begin at how common each label is (Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, §3.3): from
    one half, the few steps of a head on cached features would not reach a label that one example in fifty has.

    Attributes:
        class_names: In label order; two or more.
        start: Logit of each label's share of the training examples; empty begins at one half.
    """

    class_names: tuple[str, ...]
    start: tuple[float, ...] = ()

    @classmethod
    def fitted(cls, class_names: tuple[str, ...], labels: np.ndarray) -> Multilabel:
        """Returns the task with the shares of some training labels, uint8 (n, c)."""
        shares = (labels.sum(axis=0) + 0.5) / (len(labels) + 1)
        return cls(class_names, tuple(np.log(shares / (1 - shares)).tolist()))

    @property
    def name(self) -> TaskName:
        """What plans call it."""
        return "multilabel"

    @property
    def shown(self) -> str:
        """Name of the metric that is shown while training: the share of right decisions over all labels."""
        return "label_accuracy"

    @property
    def floor(self) -> float:
        """Least deviation a feature is divided by: no probability leaves 0..1, whatever a feature does."""
        return 0.0

    def head(self) -> keras.layers.Dense:
        """Returns the head: one Dense layer of logits, one per label, that says how common each is."""
        start = np.asarray(self.start or (0.0,), np.float32)
        return keras.layers.Dense(
            len(self.class_names),
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(start),
            dtype="float32",
            name="head",
        )

    def loss(self, label_smoothing: float = 0.0) -> keras.losses.Loss:
        """Returns the binary cross-entropy of logits, mean over labels."""
        return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=label_smoothing)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns what is shown while training."""
        return [keras.metrics.BinaryAccuracy(name=self.shown, threshold=0.0)]

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Turns labels uint8 (n, c) into float32 (n, c)."""
        return labels.astype(np.float32)

    def weights(self, labels: np.ndarray, chosen: np.ndarray, how: str) -> np.ndarray:
        """Returns ones: an example of several labels has no one class to be weighed by."""
        return np.ones(len(chosen), np.float32)

    def unseen(self, labels: np.ndarray) -> list[str]:
        """Returns the labels that no example has."""
        return [self.class_names[at] for at in np.flatnonzero(~labels.any(axis=0))]

    def each(self, targets: Any, outputs: Any) -> Any:
        """Returns the binary cross-entropy (b, h), summed over labels, of logits (b, h, c) and targets (b, 1, c).

        Summed, so that a penalty means to each label what it would mean to a classifier of that label alone.
        """
        ops = keras.ops
        return ops.sum(ops.softplus(outputs) - targets * outputs, axis=-1)

    def judged(self, outputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the binary cross-entropy (n, h) of logits (n, h, c) and the share right, means over labels."""
        wanted = labels[:, None, :]
        loss = np.logaddexp(0.0, outputs) - wanted * outputs
        return loss.mean(axis=-1), ((outputs > 0) == wanted).mean(axis=-1)

    def in_units(self, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the weights as they are: logits have no unit."""
        return kernel, bias

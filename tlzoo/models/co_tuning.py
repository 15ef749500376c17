"""Co-tuning: the classifier a network was pretrained with goes on learning, from what source classes targets look like.

You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020. Each target class stands for a distribution over source
classes; the head of the source learns those beside the head of the target, so that what it knew is not lost.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def relationship(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the distribution over source classes of each target class, float32 (c, z).

    It is the mean of the source's probabilities over the examples of a class: the direct way of the paper's §3.1. (The
    other way, which learns targets from source classes and inverts that, needs examples held out.)

    Args:
        logits: What the source's head says of training examples before tuning, (n, z).
        targets: One-hot (n, c); each class has an example.
    """
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return (targets.T @ probabilities / targets.sum(axis=0)[:, None]).astype(np.float32)


class CoTuningLoss(keras.losses.Loss):
    """The task's loss, and beside it the cross-entropy of the source's head against what the target class stands for.

    Args:
        task: Loss of target logits against one-hot targets, unreduced.
        related: float32 (c, z), from `relationship`.
        strength: What the second loss is multiplied with.
    """

    def __init__(self, task: keras.losses.Loss, related: np.ndarray, strength: float) -> None:
        super().__init__(name="co_tuning")
        self._task, self._related, self._strength = task, related, strength

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each example (b,).

        Args:
            y_true: One-hot targets and one more column, 1 where the second loss counts: (b, c + 1).
            y_pred: Logits of both heads, (b, c + z).
        """
        ops = keras.ops
        classes = self._related.shape[0]
        targets, counts = y_true[:, :classes], y_true[:, classes]
        wanted = ops.matmul(targets, ops.convert_to_tensor(self._related))
        source = -ops.sum(wanted * ops.log_softmax(y_pred[:, classes:], axis=-1), axis=-1)
        return self._task.call(targets, y_pred[:, :classes]) + self._strength * counts * source


class TargetAccuracy(keras.metrics.CategoricalAccuracy):
    """Accuracy of the target's head, which says the first of the outputs.

    Args:
        classes: How many they are.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(name="accuracy")
        self._classes = classes

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Counts the examples of a batch."""
        return super().update_state(y_true[:, : self._classes], y_pred[:, : self._classes], sample_weight)


def with_source_head(model: keras.Model, kernel: np.ndarray, bias: np.ndarray) -> keras.Model:
    """Returns a model whose outputs are its own logits and, behind them, those of the source's head: (b, c + z).

    Args:
        model: What `assemble` returned.
        kernel: Of the source's head, (d, z).
        bias: (z,).
    """
    layer = keras.layers.Dense(len(bias), dtype="float32", name="source_head")
    behind = next(each for each in model.layers if each.name in ("dropout", "head"))
    logits = layer(behind.input)  # before the dropout of the target's head
    layer.kernel.assign(kernel)
    layer.bias.assign(bias)
    both = keras.layers.Concatenate(dtype="float32", name="both")([model.output, logits])
    return keras.Model(model.input, both, name=model.name)

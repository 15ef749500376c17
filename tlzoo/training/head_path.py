"""The linear head on cached features, trained for a whole path of L2 penalties at once.

One Dense layer holds a head per penalty. Adam works per weight and the losses are summed, so the heads do not
influence each other: one `fit()` gives the same as one `fit()` per penalty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

SAMPLE = 4096
"""Training examples on which loss and accuracy are measured after each epoch."""


@dataclass(frozen=True)
class Head:
    """A trained linear head.

    Attributes:
        kernel: float32 (d, c).
        bias: float32 (c,).
        l2: The penalty it was trained with.
        val_loss: Its cross-entropy on the validation split.
    """

    kernel: np.ndarray
    bias: np.ndarray
    l2: float
    val_loss: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Returns float32 logits (n, c) of features (n, d)."""
        return (features @ self.kernel + self.bias).astype(np.float32)


@keras.saving.register_keras_serializable("tlzoo")
class PathPenalty(keras.regularizers.Regularizer):
    """Half the squared norm of each head's kernel, times that head's own penalty."""

    def __init__(self, l2: tuple[float, ...]) -> None:
        self.l2 = tuple(l2)

    def __call__(self, kernel: Any) -> Any:
        """Returns the penalty of a kernel (d, penalties * classes)."""
        ops = keras.ops
        heads = ops.reshape(kernel, (kernel.shape[0], len(self.l2), -1))
        squares = ops.sum(ops.square(heads), axis=(0, 2))
        return 0.5 * ops.sum(squares * ops.convert_to_tensor(self.l2, dtype=kernel.dtype))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {"l2": self.l2}


def path_model(features: np.ndarray, classes: int, l2: tuple[float, ...]) -> keras.Model:
    """Returns the model from features (b, d) to logits (b, penalties, classes).

    Args:
        features: Training features (n, d); they give the means and deviations of the standardisation.
        classes: How many classes there are.
        l2: Penalties.
    """
    mean, deviation = standardisation(features)
    inputs = keras.Input((features.shape[1],), name="features")
    scaled = keras.layers.Rescaling(
        (1.0 / deviation).tolist(), (-mean / deviation).tolist(), name="standardise"
    )(inputs)
    heads = keras.layers.Dense(
        len(l2) * classes, kernel_initializer="zeros", kernel_regularizer=PathPenalty(l2), name="heads"
    )(scaled)
    return keras.Model(inputs, keras.layers.Reshape((len(l2), classes))(heads), name="head_path")


def path_loss(targets: Any, logits: Any) -> Any:
    """Returns the cross-entropy of every head against one-hot targets (b, c), summed over heads: (b,)."""
    ops = keras.ops
    return -ops.sum(ops.expand_dims(targets, 1) * ops.log_softmax(logits, axis=-1), axis=(1, 2))


def standardisation(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns means and deviations (d,); a feature that never varies gets deviation 1."""
    mean = features.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for at in range(0, len(features), SAMPLE):  # in parts: a whole float64 copy would double the memory
        squares += np.square(features[at : at + SAMPLE] - mean).sum(axis=0)
    deviation = np.sqrt(squares / len(features))
    deviation = np.where(deviation < 1e-6, 1.0, deviation)
    return mean.astype(np.float32), deviation.astype(np.float32)


class BestOfPath(keras.callbacks.Callback):
    """Keeps the head with the smallest validation loss over penalties and epochs.

    It writes loss and accuracy of the currently best head into the epoch's logs, so that callbacks after it show
    those.

    Args:
        l2: The penalties, in the order of the model's heads.
        train: Features and labels of the training split.
        validation: Features and labels that choose.
        standard: Means and deviations folded into the kept head.
        patience: Epochs without gain before training stops; 0 never stops.
    """

    def __init__(
        self,
        l2: tuple[float, ...],
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
        standard: tuple[np.ndarray, np.ndarray],
        patience: int = 0,
    ) -> None:
        super().__init__()
        self._l2, self._validation, self._standard, self._patience = l2, validation, standard, patience
        some = np.random.default_rng(0).permutation(len(train[1]))[:SAMPLE]
        some.sort()
        self._sample = (np.asarray(train[0][some]), train[1][some])

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets earlier trainings."""
        self.best: Head | None = None
        self._waited = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measures every head, keeps the best, stops when nothing improves."""
        losses, accuracies = self._measure(*self._validation)
        at = int(np.argmin(losses))
        self._waited += 1
        if self.best is None or losses[at] < self.best.val_loss:
            self.best, self._waited = self._folded(at, float(losses[at])), 0
        train_losses, train_accuracies = self._measure(*self._sample)
        if logs is not None:
            logs["loss"], logs["accuracy"] = float(train_losses[at]), float(train_accuracies[at])
            logs["val_loss"], logs["val_accuracy"] = float(losses[at]), float(accuracies[at])
            logs["l2"] = self._l2[at]
        if self._patience and self._waited >= self._patience:
            self.model.stop_training = True

    def _measure(self, features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kernel, bias = self._unstandardised()
        logits = features @ kernel + bias
        logits = logits.reshape(len(features), len(self._l2), -1)
        logits -= logits.max(axis=-1, keepdims=True)
        chosen = logits[np.arange(len(labels)), :, labels]
        losses = np.log(np.exp(logits).sum(axis=-1)) - chosen
        return losses.mean(axis=0), (logits.argmax(axis=-1) == labels[:, None]).mean(axis=0)

    def _folded(self, at: int, val_loss: float) -> Head:
        kernel, bias = self._unstandardised()
        classes = len(bias) // len(self._l2)
        columns = slice(at * classes, (at + 1) * classes)
        return Head(kernel[:, columns], bias[columns], self._l2[at], val_loss)

    def _unstandardised(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns kernel and bias of all heads for features as they are, the standardisation folded in."""
        layer = self.model.get_layer("heads")
        kernel, bias = (keras.ops.convert_to_numpy(weight) for weight in layer.weights)
        mean, deviation = self._standard
        folded = kernel / deviation[:, None]
        return folded, bias - mean @ folded

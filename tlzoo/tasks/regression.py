"""Regression: a number for each example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tlzoo.plans import TaskName


@dataclass(frozen=True)
class Regression:
    """One number.

    Heads learn standardised numbers, so that rates, penalties and losses mean the same whatever the unit; `in_units`
    folds mean and deviation into the finished head.

    Attributes:
        mean: Of the training labels.
        deviation: Of the training labels; above 0.
    """

    mean: float
    deviation: float
    class_names: tuple[str, ...] = ("value",)

    @classmethod
    def fitted(cls, labels: np.ndarray) -> Regression:
        """Returns the task with mean and deviation of some training labels, float (n,)."""
        return cls(float(np.mean(labels)), float(np.std(labels)) or 1.0)

    @property
    def name(self) -> TaskName:
        """What plans call it."""
        return "regression"

    @property
    def shown(self) -> str:
        """Name of the metric that is shown while training: the mean absolute error, in the labels' unit."""
        return "mae"

    @property
    def start(self) -> tuple[float, ...]:
        """Nothing: a new head says zero."""
        return ()

    @property
    def floor(self) -> float:
        """Least deviation a feature is divided by, as a share of the median one.

        A number has no bounds: a feature that all but one in a thousand training examples leave at zero, divided by its
        tiny deviation, throws the rare example that has it far off (on digits, an RMSE of 1.9 in place of 1.4).
        """
        return 0.1

    def head(self) -> keras.layers.Dense:
        """Returns the head: one Dense layer with one unit; zeros answer the mean of the training labels."""
        return keras.layers.Dense(1, kernel_initializer="zeros", dtype="float32", name="head")

    def loss(self, label_smoothing: float = 0.0) -> keras.losses.Loss:
        """Returns the squared error of standardised numbers.

        Not Huber's loss: RMSE and R² judge a run, the baseline is the mean, and the head on cached features is a
        ridge regression, all of which belong to the squared error. Of outliers, `clip_norm` limits the pull.
        """
        return keras.losses.MeanSquaredError()

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns what is shown while training."""

        def error(targets: Any, outputs: Any) -> Any:
            return keras.ops.mean(keras.ops.abs(targets - outputs), axis=-1) * self.deviation

        return [keras.metrics.MeanMetricWrapper(error, name=self.shown)]

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Turns labels float (n,) into standardised targets float32 (n, 1)."""
        return self._standardised(labels)[:, None].astype(np.float32)

    def weights(self, labels: np.ndarray, chosen: np.ndarray, how: str) -> np.ndarray:
        """Returns ones: numbers have no classes that could be rare."""
        return np.ones(len(chosen), np.float32)

    def unseen(self, labels: np.ndarray) -> list[str]:
        """Returns nothing, as long as there is an example left."""
        return [] if len(labels) else list(self.class_names)

    def each(self, targets: Any, outputs: Any) -> Any:
        """Returns the squared error (b, h) of outputs (b, h, 1) against targets (b, 1, 1)."""
        return keras.ops.sum(keras.ops.square(targets - outputs), axis=-1)

    def judged(self, outputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the squared error (n, h) of standardised outputs (n, h, 1), and the error in the labels' unit."""
        error = np.abs(outputs[..., 0] - self._standardised(labels)[:, None])
        return np.square(error), error * self.deviation

    def in_units(self, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the weights of a head that answers in the labels' unit."""
        real = (
            kernel.astype(np.float64) * self.deviation,
            bias.astype(np.float64) * self.deviation + self.mean,
        )
        return real[0].astype(np.float32), real[1].astype(np.float32)

    def _standardised(self, labels: np.ndarray) -> np.ndarray:
        return (np.asarray(labels, np.float64) - self.mean) / self.deviation

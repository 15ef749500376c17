"""What every task offers, and the one place that knows them all."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import numpy as np

from tlzoo.plans import TaskName


class Task(Protocol):
    """What is learned on top of a backbone.

    A head is one Dense layer called `head`. While it is trained, its outputs are in whatever unit trains well;
    `in_units` turns its weights so that a finished model answers in the unit of the labels.
    """

    @property
    def name(self) -> TaskName:
        """What plans call it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the outputs are called, in their order."""

    @property
    def shown(self) -> str:
        """Name of the metric that is shown while training, beside the loss."""

    @property
    def start(self) -> tuple[float, ...]:
        """What a new head says of each output; empty for zeros."""

    @property
    def floor(self) -> float:
        """Least deviation a feature is divided by when standardised, as a share of the median deviation."""

    def head(self) -> keras.layers.Dense:
        """Returns a new head; its kernel is zero and its bias `start`, so that training begins without prejudice."""

    def loss(self, label_smoothing: float = 0.0) -> keras.losses.Loss:
        """Returns the loss of outputs (b, c) against targets (b, c)."""

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns what is shown while training."""

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Turns labels into targets float32 (n, c)."""

    def weights(self, labels: np.ndarray, chosen: np.ndarray, how: str) -> np.ndarray:
        """Returns the weight of some examples, float32 (m,), by how common their class is in training.

        Args:
            labels: Of the training split.
            chosen: Of the examples.
            how: `none`, `balanced` or `sqrt`.
        """

    def unseen(self, labels: np.ndarray) -> list[str]:
        """Returns what cannot be learned from some training labels, for want of an example."""

    def each(self, targets: Any, outputs: Any) -> Any:
        """Returns the loss (b, h) of several heads' outputs (b, h, c) against targets (b, 1, c), as a tensor."""

    def judged(self, outputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the loss (n, h) of several heads' outputs (n, h, c) on each example, and what is shown (n, h)."""

    def in_units(self, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns kernel (d, c) and bias (c,) of a head that answers in the unit of the labels."""


def task_of(name: TaskName, class_names: tuple[str, ...], labels: np.ndarray | None) -> Task:
    """Returns a task.

    Args:
        name: What plans call it.
        class_names: What the outputs are called, in their order.
        labels: Of the training split; None where nothing is to be learned, only a trained head read.
    """
    from tlzoo.tasks.classification import Classification
    from tlzoo.tasks.multilabel import Multilabel
    from tlzoo.tasks.regression import Regression

    if name == "regression":
        return Regression(0.0, 1.0) if labels is None else Regression.fitted(labels)
    if name == "multilabel":
        return Multilabel(class_names) if labels is None else Multilabel.fitted(class_names, labels)
    return Classification(class_names)

"""Stops training when the time is up, or will be."""

from __future__ import annotations

import time
from typing import Any

import keras

from tlzoo.training.deadline import Deadline

SLACK = 0.9
"""Share of the time that epochs seem to take: machines get quicker too, and first epochs are slow ones."""


class StopInTime(keras.callbacks.Callback):
    """Ends training after the step in which the time is up; the epoch that is cut short is validated and counts.

    Where only a whole training is of use, it ends after the epoch that shows that there is no time for all of them.

    Args:
        deadline: From when on nothing begins.
    """

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self.deadline = deadline
        self._ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the clock."""
        if self.deadline.passed:
            self._stop()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks ahead; the first epoch says nothing of others, because it traces the graph."""
        self._ends.append(time.monotonic())
        if not self.deadline.whole or len(self._ends) < 3:
            return
        each = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
        if self._ends[-1] + SLACK * each * (self.params["epochs"] - 1 - epoch) > self.deadline.at:
            self._stop()

    def _stop(self) -> None:
        self.deadline.stopped = self.model.stop_training = True

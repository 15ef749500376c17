"""Stops training when the time is up."""

from __future__ import annotations

import time
from typing import Any

import keras


class StopInTime(keras.callbacks.Callback):
    """Ends training after the step in which the time is up; the epoch that is cut short is validated and counts.

    Args:
        deadline: Value of `time.monotonic()` from which on nothing begins.
    """

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline
        self.cut = False

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the clock."""
        if time.monotonic() >= self.deadline:
            self.cut = self.model.stop_training = True

"""Tells a listener how far training is."""

from __future__ import annotations

from typing import Any

import keras

from tlzoo.progress import Progress


class TellProgress(keras.callbacks.Callback):
    """Calls a listener after every step with steps done, all steps, and the latest figures in words.

    Args:
        listener: Called with (done, total, what).
        phase: Name of the phase.
        epochs: All epochs of the phase.
        steps: Steps of an epoch.
    """

    def __init__(self, listener: Progress, phase: str, epochs: int, steps: int) -> None:
        super().__init__()
        self._listener, self._phase, self._epochs, self._steps = listener, phase, epochs, steps
        self._epoch, self._words = 0, ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells of a step."""
        self._tell(self._epoch * self._steps + batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells of an epoch, with its figures."""
        logs = logs or {}
        shown = [("val_loss", "val loss"), ("val_accuracy", "val accuracy"), ("val_mae", "val error")]
        shown += [("val_label_accuracy", "val accuracy of labels")]
        self._words = ", ".join(f"{word} {float(logs[key]):.3f}" for key, word in shown if key in logs)
        self._tell((epoch + 1) * self._steps)

    def _tell(self, done: int) -> None:
        words = f"{self._phase}, epoch {self._epoch + 1}/{self._epochs}" + (
            f": {self._words}" if self._words else ""
        )
        self._listener(done, self._epochs * self._steps, words)

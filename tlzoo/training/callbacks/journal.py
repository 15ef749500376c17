"""Writes one JSON line an epoch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras


class Journal(keras.callbacks.Callback):
    """Appends what an epoch gave to `log.jsonl`.

    Args:
        path: The file.
        phase: Name of the phase.
        first_epoch: Global number of this phase's first epoch.
        rates: Gives the learning rate of each stage.
        before: Seconds this phase took before it was resumed.
    """

    def __init__(
        self,
        path: Path,
        phase: str,
        first_epoch: int,
        rates: Callable[[], dict[str, float]],
        before: float = 0.0,
    ) -> None:
        super().__init__()
        self._path, self._phase, self._first, self._rates, self._before = (
            path,
            phase,
            first_epoch,
            rates,
            before,
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds this phase has trained, earlier sittings included."""
        return self._before + time.perf_counter() - self._start

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Appends one line."""
        numbers = {key: round(float(value), 6) for key, value in (logs or {}).items()}
        line = {
            "phase": self._phase,
            "epoch": epoch,
            "global_epoch": self._first + epoch,
            "seconds": round(self.seconds, 2),
            **numbers,
            "rates": self._rates(),
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

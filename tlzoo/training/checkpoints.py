"""Checkpoints: one file an epoch with all that is needed to go on as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tlzoo.backbones.weights import read_arrays, restore, snapshot, write_arrays
from tlzoo.training.callbacks.keep_best import KeepBest
from tlzoo.training.callbacks.keep_several import KeepSeveral


@dataclass
class Checkpoint:
    """What one file holds.

    Attributes:
        epoch: Epochs of the phase that are done.
        finished: True if the phase is over.
        seconds: Seconds the phase has trained.
        keep_best: State of `KeepBest`.
        model: Values of the model's variables, random seeds included.
        optimizer: Values of the optimizer's variables.
        best: Weights of the best epoch.
        kept: State of `KeepSeveral`.
        several: Weights of those epochs, one after the other, keyed by place and name.
    """

    epoch: int
    finished: bool
    seconds: float
    keep_best: dict[str, Any] = field(default_factory=dict)
    model: dict[str, np.ndarray] = field(default_factory=dict)
    optimizer: dict[str, np.ndarray] = field(default_factory=dict)
    best: dict[str, np.ndarray] = field(default_factory=dict)
    kept: list[tuple[float, int]] = field(default_factory=list)
    several: dict[str, np.ndarray] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        facts = {
            "epoch": self.epoch,
            "finished": self.finished,
            "seconds": self.seconds,
            "keep_best": self.keep_best,
            "kept": self.kept,
        }
        arrays = {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)}
        for part in ("model", "optimizer", "best", "several"):
            arrays |= {f"{part}:{key}": value for key, value in getattr(self, part).items()}
        write_arrays(path, arrays)

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Reads what `write` wrote.

        Raises:
            WeightsError: The file is missing or damaged.
        """
        arrays = read_arrays(path)
        checkpoint = cls(**json.loads(arrays.pop("facts").tobytes()))
        for key, value in arrays.items():
            part, _, name = key.partition(":")
            getattr(checkpoint, part)[name] = value
        return checkpoint


class WriteCheckpoint(keras.callbacks.Callback):
    """Writes a checkpoint after each epoch; must stand last, so that nothing is ahead of it.

    Args:
        path: The file, overwritten each epoch.
        keep_best: Whose state travels along.
        several: Likewise.
        seconds: Gives the seconds the phase has trained.
    """

    def __init__(
        self, path: Path, keep_best: KeepBest, several: KeepSeveral, seconds: Callable[[], float]
    ) -> None:
        super().__init__()
        self._path, self._keep_best, self._several, self._seconds = path, keep_best, several, seconds

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the file."""
        Checkpoint(
            epoch=epoch + 1,
            finished=bool(self.model.stop_training),
            seconds=self._seconds(),
            keep_best=self._keep_best.state(),
            model=snapshot(self.model.variables),
            optimizer=snapshot(self.model.optimizer.variables),
            best=self._keep_best.weights,
            kept=self._several.state(),
            several={
                f"{place}:{name}": value
                for place, (_, _, weights) in enumerate(self._several.kept)
                for name, value in weights.items()
            },
        ).write(self._path)


def resume(
    checkpoint: Checkpoint, model: keras.Model, keep_best: KeepBest, several: KeepSeveral, path: Path
) -> None:
    """Puts model, optimizer and callbacks back to where the checkpoint was taken."""
    restore(model.variables, checkpoint.model, origin=str(path))
    model.optimizer.build(model.trainable_variables)
    restore(model.optimizer.variables, checkpoint.optimizer, origin=str(path))
    keep_best.resume(checkpoint.keep_best, checkpoint.best)
    weights: list[dict[str, np.ndarray]] = [{} for _ in checkpoint.kept]
    for key, value in checkpoint.several.items():
        place, _, name = key.partition(":")
        weights[int(place)][name] = value
    several.resume(checkpoint.kept, weights)

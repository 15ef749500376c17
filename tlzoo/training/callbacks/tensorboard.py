"""Scalars for TensorBoard: one continuous line over all phases, whatever was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event


class RunBoard(keras.callbacks.Callback):
    """Writes `train/` and `validation/` scalars by global epoch, and the learning rate of each stage.

    Tags are `epoch_loss`, `epoch_accuracy` … in both, and `rates/<stage>` in `train/`. A fit that starts at an
    epoch that was already written (a resumed run) replaces what stands there and later, so that no step is
    told twice.

    Args:
        logdir: The run's `tensorboard` folder.
        phase: Name of the phase.
        first_epoch: Global number of this phase's first epoch; Keras's own epoch number is added to it.
        rates: Gives the learning rate of each stage.

    Example:
        >>> RunBoard(Path("runs/first/tensorboard"), "head", 0, lambda: {"head": 1e-3})  # doctest: +SKIP
    """

    def __init__(
        self, logdir: Path, phase: str, first_epoch: int, rates: Callable[[], dict[str, float]]
    ) -> None:
        super().__init__()
        self._logdir, self._phase, self._first, self._rates = logdir, phase, first_epoch, rates
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Opens the files, once the first epoch of this fit is known."""
        if self._writers:
            return
        step = self._first + epoch
        for split in ("train", "validation"):
            forget_from(self._logdir / split, step)
            self._writers[split] = tf.summary.create_file_writer(str(self._logdir / split))
        with self._writers["train"].as_default():
            tf.summary.text("phase", self._phase, step=step)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the epoch's numbers and flushes them, so that a killed run keeps them."""
        self.on_epoch_begin(epoch)  # for loops that only tell the end of an epoch
        numbers = {name: value for name, value in (logs or {}).items() if name != "learning_rate"}
        train = {f"epoch_{name}": value for name, value in numbers.items() if not name.startswith("val_")}
        validation = {
            f"epoch_{name[4:]}": value for name, value in numbers.items() if name.startswith("val_")
        }
        rates = {f"rates/{stage}": rate for stage, rate in self._rates().items()}
        self._write("train", {**train, **rates}, self._first + epoch)
        self._write("validation", validation, self._first + epoch)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _write(self, split: str, numbers: Mapping[str, Any], step: int) -> None:
        with self._writers[split].as_default():
            for tag, value in numbers.items():
                tf.summary.scalar(tag, float(value), step=step)
        self._writers[split].flush()


def forget_from(folder: Path, step: int) -> None:
    """Drops events at `step` and later from a folder's event files, and records cut short by a kill.

    Args:
        folder: Holds event files, or does not exist.
        step: The first step to forget.
    """
    for path in sorted(folder.glob("events.out.tfevents.*")):
        raw = list(RawEventFileLoader(str(path)).Load())
        events = [Event.FromString(record) for record in raw]
        kept = [
            record for record, event in zip(raw, events, strict=True)
            if event.step < step or not event.HasField("summary")
        ]  # fmt: skip
        if len(kept) == len(raw):
            continue
        if not any(event.HasField("summary") and event.step < step for event in events):
            path.unlink()
            continue
        partial = path.with_name(f"trimmed-{path.name.rpartition('tfevents.')[2]}")
        with tf.io.TFRecordWriter(str(partial)) as writer:
            for record in kept:
                writer.write(record)
        partial.replace(path)

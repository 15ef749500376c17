"""Trials for TensorBoard: one session of the HParams page for each."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_MARK = "tlzoo-trial"
_METRICS = {"val_loss": "validation loss", "seconds": "seconds"}


def write_trials(rows: Sequence[Mapping[str, Any]], name: str, logdir: Path) -> Path:
    """Writes trials in place of those that were there.

    Args:
        rows: Of each trial `trial`, `val_loss` (None where it diverged), one more `val_…`, `seconds` and `options`.
        name: Of the search; with the trial's number it names a session.
        logdir: The folder for TensorBoard.

    Returns:
        The folder.
    """
    for old in logdir.glob(f"*/{_MARK}"):  # folders of an earlier sitting, and nothing else
        shutil.rmtree(old.parent)
    for row in rows:
        _write(row, name, logdir / f"trial-{row['trial']:03d}")
    return logdir


def _write(row: Mapping[str, Any], name: str, folder: Path) -> None:
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hp
    from tensorboard.plugins.hparams import api_pb2, summary

    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    metrics = {key: value for key, value in row.items() if key.startswith("val_") or key == "seconds"}
    with tf.summary.create_file_writer(str(folder)).as_default(step=0):
        for key, value in metrics.items():
            if value is not None:
                tf.summary.scalar(f"trial/{key}", float(value))
        hp.hparams_config(
            hparams=[hp.HParam(option) for option in row["options"]],
            metrics=[hp.Metric(f"trial/{key}", display_name=_title(key)) for key in metrics],
        )
        hp.hparams(dict(row["options"]), trial_id=f"{name}/{row['trial']}")
        status = api_pb2.STATUS_FAILURE if row["val_loss"] is None else api_pb2.STATUS_SUCCESS
        tf.summary.experimental.write_raw_pb(summary.session_end_pb(status).SerializeToString())


def _title(key: str) -> str:
    return _METRICS.get(key) or f"validation {key.removeprefix('val_').replace('_', ' ')}"

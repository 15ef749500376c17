"""A ranking of backbones for TensorBoard: one session of the HParams page for each, and the words."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlzoo.evaluation import markdown

#: Columns of the HParams page, by the key of a ranking's row.
METRICS = {
    "probe": "ridge probe",
    "logme": "LogME",
    "h_score": "H-score",
    "knn": "k-NN",
    "gbc": "GBC",
    "leep": "LEEP",
    "nce": "NCE",
    "rank": "rank",
    "seconds_per_1000": "seconds for 1,000",
}
_MARK = "tlzoo-ranking"


def write_ranking(ranking: Mapping[str, Any], logdir: Path) -> Path:
    """Writes a ranking in place of the one that was there.

    Args:
        ranking: What `tlzoo rank --json` says.
        logdir: The folder for TensorBoard.

    Returns:
        The folder.
    """
    import tensorflow as tf

    for old in logdir.glob(f"*/{_MARK}"):  # folders of an earlier ranking, and nothing else
        shutil.rmtree(old.parent)
    for row in ranking["backbones"]:
        name = re.sub(r"[^\w@.-]", "_", str(row["backbone"]))
        with _writer(logdir / f"{row['rank']:02d}-{name}").as_default(step=0):
            _write_row(row, ranking)
    with _writer(logdir / "recommendation").as_default(step=0):
        tf.summary.text("recommendation", str(ranking["recommendation"]))
        tf.summary.text("ranking", _table(ranking))
    return logdir


def _writer(folder: Path) -> Any:
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    return tf.summary.create_file_writer(str(folder))


def _write_row(row: Mapping[str, Any], ranking: Mapping[str, Any]) -> None:
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hp
    from tensorboard.plugins.hparams import api_pb2, summary

    for key in METRICS:
        if row[key] is not None:
            tf.summary.scalar(f"rank/{key}", float(row[key]))
    chosen = {
        "backbone": row["backbone"],
        "data": ranking["data"],
        "params": row["params"],
        "features": row["features"],
    }
    hp.hparams_config(
        hparams=[hp.HParam(name) for name in chosen],
        metrics=[hp.Metric(f"rank/{key}", display_name=name) for key, name in METRICS.items()],
    )
    hp.hparams(chosen, trial_id=f"{ranking['data']}/{row['backbone']}")
    done = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
    tf.summary.experimental.write_raw_pb(done.SerializeToString())


def _table(ranking: Mapping[str, Any]) -> str:
    header = [
        "backbone",
        f"probe ({ranking['measure']})",
        "95%",
        *(METRICS[key] for key in list(METRICS)[1:]),
    ]
    rows = [
        [
            str(row["backbone"]),
            f"{row['probe']:.4f}",
            f"{row['probe_low']:.3f} to {row['probe_high']:.3f}",
            *("" if row[key] is None else f"{row[key]:.4g}" for key in list(METRICS)[1:]),
        ]
        for row in ranking["backbones"]
    ]
    return markdown.table(header, rows)

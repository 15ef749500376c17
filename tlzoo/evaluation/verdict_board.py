"""A verdict for TensorBoard: both learning curves over the number of examples, and the words."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlzoo.evaluation import markdown

_MARK = "tlzoo-verdict"


def write_verdict(told: Mapping[str, Any], logdir: Path) -> Path:
    """Writes a verdict in place of the one that was there; steps are numbers of training examples.

    Args:
        told: What `tlzoo verdict --json` says.
        logdir: The folder for TensorBoard.

    Returns:
        The folder.
    """
    import tensorflow as tf

    for old in logdir.glob(f"*/{_MARK}"):  # folders of an earlier verdict, and nothing else
        shutil.rmtree(old.parent)
    for name in ("run", "scratch"):
        folder = logdir / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).touch()
        writer = tf.summary.create_file_writer(str(folder))
        with writer.as_default():
            for point in told["curve"]:
                tf.summary.scalar(f"verdict/{told['metric']}", point[name], step=point["examples"])
            if name == "run":
                tf.summary.text("verdict", _words(told), step=0)
        writer.close()
    return logdir


def _words(told: Mapping[str, Any]) -> str:
    rows = [[row["name"], f"{row['value']:.4f}", str(row["seeds"])] for row in told["rows"]]
    table = markdown.table(["learner", told["metric"], "seeds"], rows)
    return "\n\n".join([f"**{told['sentence']}**", *told["cautions"], told["catch_up_words"], table])

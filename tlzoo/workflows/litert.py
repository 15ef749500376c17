"""LiteRT exports of a run, measured on its own test split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tlzoo.workflows.run import Run

CALIBRATION = 256
"""Training examples that settle the ranges of an `int8` export."""

MEASURED = 1000
"""Test examples at most on which a converted model is measured."""


def export_run_litert(run: Run, directory: Path, kind: str) -> Any:
    """Exports a run as a LiteRT file; see `Run.export_litert`.

    Args:
        run: A finished run.
        directory: Where the file goes.
        kind: `float32`, `float16` or `int8`.
    """
    from tlzoo.export.litert import export_litert

    context, splits = run.context.without_broken(), run.folder.read_splits()
    random = np.random.default_rng(run.folder.plan.seed)
    some = random.permutation(splits["train"])[:CALIBRATION]
    test = np.sort(random.permutation(splits["test"])[:MEASURED])
    inputs = context.inputs
    return export_litert(
        run.exportable(directory.name),
        directory,
        kind,  # type: ignore[arg-type]
        calibration=[inputs.read(np.sort(some))],
        evaluate=(inputs.read(test), run.dataset.labels[test]),
    )

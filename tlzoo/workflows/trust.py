"""How far a run can be trusted: measured, written into its folder, and shown in its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.errors import RunError, UsageError
from tlzoo.evaluation.trust import Asked, trust_of
from tlzoo.progress import Progress

if TYPE_CHECKING:
    from tlzoo.workflows.run import Run


def trust(
    run: Run | str | Path,
    asked: Asked | None = None,
    *,
    foreign: Any = None,
    progress: Progress | None = None,
    **reading: Any,
) -> dict[str, Any]:
    """Measures how far a run can be trusted, and adds it to `metrics.json` and the report.

    Args:
        run: A finished run, or its folder.
        asked: What is asked of prediction sets.
        foreign: Items the run should find foreign: a folder, a table of texts, or items in memory.
        progress: Told how far it is.
        **reading: How they are read: `text_column`, `encoding`.

    Returns:
        For classifiers `calibration`, `conformal` and `selective`; for all `ood`, or None and `ood_reason` where the
        training data is gone.

    Raises:
        RunError: It is no finished run.
        UsageError: The coverage is no share.
    """
    from tlzoo.evaluation.report import write_report
    from tlzoo.workflows.run import Run

    run = run if isinstance(run, Run) else Run(run)
    asked = asked or Asked()
    if not 0 < asked.coverage < 1:
        raise UsageError(
            f"a coverage of {asked.coverage}.", allowed="a share above 0 and below 1.", do="--coverage 0.9"
        )
    found = _answers(run, asked) | _foreign(run, foreign, progress, reading)
    metrics = run.folder.metrics
    run.folder.write_json("metrics.json", {**metrics, "trust": found})
    run.metrics = run.folder.metrics
    write_report(run.path)
    return found


def _answers(run: Run, asked: Asked) -> dict[str, Any]:
    if run.task != "classification":
        return {}
    with np.load(run.path / "predictions.npz", allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    splits = run.folder.read_splits()
    fresh = not np.isin(splits["validation"], splits["train"]).any()
    return trust_of(arrays, run.temperature, asked, fresh=fresh)


def _foreign(run: Run, foreign: Any, progress: Progress | None, reading: dict[str, Any]) -> dict[str, Any]:
    from tlzoo.workflows.foreign import judge_foreign

    try:
        return {"ood": judge_foreign(run, foreign, progress=progress, **reading)}
    except RunError as error:  # the data is gone or has changed: all the rest needs none
        if foreign is not None:
            raise
        return {"ood": None, "ood_reason": error.what}

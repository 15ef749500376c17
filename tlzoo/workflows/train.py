"""Training from data to evidence: load, split, plan, train, score, report."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import RunError, UsageError
from tlzoo.progress import Progress
from tlzoo.workflows.carry import Prepared, begin, carry_out
from tlzoo.workflows.inputs import check_fingerprint, reload_dataset
from tlzoo.workflows.prepare import prepare
from tlzoo.workflows.request import Request
from tlzoo.workflows.run import Run

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.training.rundir import RunDir

__all__ = ["Request", "next_run", "prepare", "resume", "train"]

log = logging.getLogger("tlzoo")

Ready = Callable[[Run], None]
"""Called with a run that can be asked already."""


def train(
    data: Any,
    request: Request,
    *,
    progress: Progress | None = None,
    command: str | None = None,
    loaded: Backbone | None = None,
    ready: Ready | None = None,
) -> Run:
    """Trains, scores and reports.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: What is asked for.
        progress: Told how far things are.
        command: The line that started this, for the reproduction line of the report.
        loaded: The request's backbone, if it is at hand; recipes that would change it load their own.
        ready: Called with the run once it can be asked, before its report is made.

    Returns:
        The finished run.

    Raises:
        TlzooError: Anything a user can mend, before time is spent where that is possible.
    """
    from tlzoo.training.rundir import RunDir

    started = time.perf_counter()
    if request.recipe == "auto":
        from tlzoo.workflows.auto_run import train_auto

        return train_auto(data, request, progress, command)
    if request.budget is not None:
        raise UsageError(
            f"a budget for {request.recipe}, which takes the time it takes.",
            allowed="recipe=auto, or `tlzoo tune`.",
            do="Leave --budget out.",
        )
    dataset, splits, plan = prepare(data, request)
    if plan.transductive:
        log.warning("%s looks at the examples of the test split, never at their labels", plan.recipe)
    folder = RunDir.create(request.out or next_run(dataset.name, request.recipe))
    begin(folder, Prepared(dataset, splits, plan), request, command)
    return finish(folder, dataset, progress, started, loaded, ready)


def resume(path: str | Path, data: Any = None, *, progress: Progress | None = None) -> Run:
    """Goes on with an interrupted run and ends as an uninterrupted one would have.

    Args:
        path: The run folder.
        data: The same data again, if it was given in memory.
        progress: Told how far things are.

    Raises:
        RunError: It is no run folder, or the data has changed.
    """
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.load import load
    from tlzoo.training.rundir import RunDir

    started = time.perf_counter()
    folder = RunDir.open(Path(path))
    if "target" in folder.config:
        raise RunError(
            f"'{folder.path}' is an adaptation, which is not trained in phases.",
            allowed="runs of `tlzoo train`.",
            do=f"Do it again: {folder.config['command']}",
        )
    choosing = folder.config.get("recipe") == "auto"
    for name in () if choosing else ("plan.json", "card.json", "labels.json", "splits.csv"):
        if not (folder.path / name).is_file():
            raise RunError(f"'{folder.path}' was stopped before '{name}' was written.", do="Train a new run.")
    if folder.finished:
        log.info("%s is already finished", folder.path)
        return Run(folder.path)
    if data is None:
        dataset = reload_dataset(folder.config)
    else:
        dataset = data if isinstance(data, Dataset) else load(data, **folder.config["data"]["options"])
        check_fingerprint(folder.config, dataset)
    if choosing:
        from tlzoo.workflows.auto_run import resume_auto

        return resume_auto(folder, dataset, progress)
    return finish(folder, dataset, progress, started)


def next_run(name: str, recipe: str) -> Path:
    """Returns the next free `runs/<name>-<recipe>-<n>`."""
    number = 1
    while (path := Path("runs") / f"{name}-{recipe}-{number}").exists():
        number += 1
    return path


def finish(
    folder: RunDir,
    dataset: Dataset,
    progress: Progress | None,
    started: float,
    loaded: Backbone | None = None,
    ready: Ready | None = None,
) -> Run:
    """Carries out what is left of a run's plan, and collects the evidence.

    Args:
        folder: A run folder that was begun.
        dataset: Its data.
        progress: Told how far things are.
        started: Value of `time.perf_counter()` when it began.
        loaded: As for `train`.
        ready: Likewise.
    """
    from tlzoo.workflows.evidence import know, write_evidence

    with folder.lock():
        context, outcome = carry_out(folder, dataset, progress, loaded=loaded)
        known = know(context, outcome)
        if ready is not None:
            ready(Run(folder.path, trained=(context, outcome.model), metrics=known.metrics))
        write_evidence(context, outcome, started, known)
        folder.drop_checkpoints()
    return Run(folder.path, trained=(context, outcome.model))

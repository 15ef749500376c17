"""From `auto`'s choice to a run like any other, and back to it when it was killed."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.progress import Progress
from tlzoo.workflows.attempts import lighten
from tlzoo.workflows.auto import Auto, begin_auto
from tlzoo.workflows.auto_log import AutoLog
from tlzoo.workflows.budget import Budget
from tlzoo.workflows.prepare import Settled
from tlzoo.workflows.request import Request, command_of, config_of

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.training.rundir import RunDir
    from tlzoo.workflows.run import Run

_STAYS = {"attempt.json", "validation.npz", "config.json", "plan.json", ".lock"}
"""Files of an attempt that are not the run's, or come last."""

_ASKED = ("backbone", "options", "seed", "validation", "test", "engine", "budget")
"""Fields of a request that `config.json` holds under the same names."""


def train_auto(data: Any, request: Request, progress: Progress | None, command: str | None) -> Run:
    """Carries `auto` out.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: What is asked for.
        progress: Told how far things are.
        command: The line that started this.

    Returns:
        The finished run of the chosen recipe; `choice.json` in its folder tells how it was chosen.
    """
    from tlzoo.training.rundir import RunDir
    from tlzoo.workflows.train import next_run

    settled, budget = begin_auto(data, request)
    folder = RunDir.create(request.out or next_run(settled.dataset.name, "auto"))
    request = replace(request, out=folder.path, budget=budget.seconds)
    command = command or command_of(settled.dataset, request, folder.path)
    folder.write_json("config.json", config_of(settled.dataset, settled.splits, request, command))
    return _go_on(folder, settled, request, budget, progress)


def resume_auto(folder: RunDir, dataset: Dataset, progress: Progress | None) -> Run:
    """Goes on with a procedure that was killed before it had chosen.

    Args:
        folder: The run folder.
        dataset: Its data.
        progress: Told how far things are.
    """
    config = folder.config
    fields = {
        name: config[name]
        for name in ("backbone", "options", "seed", "validation", "test", "engine", "budget")
    }
    request = Request(recipe="auto", out=folder.path, **fields)
    settled, budget = begin_auto(dataset, request)
    return _go_on(folder, settled, request, budget, progress)


def _go_on(
    folder: RunDir, settled: Settled, request: Request, budget: Budget, progress: Progress | None
) -> Run:
    from tlzoo.workflows.train import finish

    with folder.lock():
        log = AutoLog.open(folder.path / "choice.json", budget)
        log.shown = {"regression": "mae", "multilabel": "label_accuracy"}.get(
            settled.dataset.task, "accuracy"
        )
        auto = Auto(settled, request, folder, log, progress)
        chosen = auto.choose()
        _conclude(log, auto, chosen)
        _adopt(folder, chosen)
    run = finish(folder, settled.dataset, progress, time.perf_counter() - budget.spent)
    log.write()
    return run


def _conclude(log: AutoLog, auto: Auto, chosen: Path) -> None:
    from tlzoo.training.rundir import RunDir

    assert auto.best is not None  # noqa: S101 - the probe came first
    name, config = auto.best[0], RunDir(chosen).config
    fields = {key: config[key] for key in _ASKED if key != "budget"}
    again = command_of(
        auto.settled.dataset, Request(recipe=config["recipe"], **fields), Path(f"{auto.run.path}-again")
    )
    log.verdict = (
        f"auto chose {name}, after {log.ends()}, having tried {', '.join(each['name'] for each in log.attempts)}. "
        f"The same without the search: {again}"
    )
    log.decide(f"finish {name}", "only now is the test split looked at")


def _adopt(folder: RunDir, chosen: Path) -> None:
    """Makes the run's own what the chosen attempt left; the plan last, by which a killed process knows it is done."""
    from tlzoo.evaluation.trial_board import write_trials
    from tlzoo.training.rundir import RunDir

    attempt = RunDir(chosen)
    for path in chosen.iterdir():
        if path.name in _STAYS:
            continue
        target = folder.path / path.name
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copy2(path, target)
    write_trials(_rows(folder), f"{folder.path.name}/auto", folder.path / "tensorboard")
    mine, its = folder.config, attempt.config
    its["auto"] = {"budget": mine.get("budget"), "command": its["command"]}
    folder.write_json("config.json", {**its, "command": mine["command"]})
    folder.write_json("plan.json", attempt.plan.model_dump(mode="json"))
    lighten(chosen)


def _rows(folder: RunDir) -> list[dict[str, Any]]:
    choice = folder.choice
    return [
        {
            "trial": number,
            "val_loss": each["val_loss"],
            f"val_{choice['shown']}": each["shown"],
            "seconds": each["seconds"],
            "options": {"recipe": each["name"]},
        }
        for number, each in enumerate(choice["attempts"])
    ]

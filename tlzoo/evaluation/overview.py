"""Several runs at a glance, for pages that show them side by side; broken ones are named, never an error."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.errors import TlzooError
from tlzoo.evaluation.record import RunRecord
from tlzoo.metrics.classification import confusion_counts
from tlzoo.metrics.resampled import OF_TASK, is_share, lower_is_better

SHOWN = {"classification": "accuracy", "multilabel": "label_accuracy", "regression": "mae"}
"""What training watches beside the loss, by task."""
_BROKEN = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What reading raises where a file is not as a run wrote it."""


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch of a run.

    Attributes:
        phase: Its phase.
        number: Counted over all phases, from 1.
        seconds: Of training until its end, over all phases.
        values: What was logged, by name: `loss`, `val_loss`, `val_accuracy` …
    """

    phase: str
    number: int
    seconds: float
    values: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class RunView:
    """A finished run at a glance.

    Attributes:
        path: Its folder.
        name: Short, and different from those of the others.
        task: What was learned.
        recipe: How.
        backbone: Name of the card.
        data: Name of the data.
        params: Weights of the model, or of its backbone if only those were counted.
        seconds: All of it took; None where nobody recorded it.
        log: Its epochs.
        watched: What training watched beside the loss, as in `log`.
        class_names: In label order.
        confusion: Counts (c, c) on the test split, rows are labels; None where it is not one class of several.
        verdict: What `tlzoo verdict` said, as plain values; None where nobody asked.
        tensorboard: Its folder of event files; None where there is none.
    """

    path: Path
    name: str
    task: str
    recipe: str
    backbone: str
    data: str
    params: int
    seconds: float | None
    log: tuple[Epoch, ...]
    watched: str
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    verdict: Mapping[str, Any] | None
    tensorboard: Path | None


@dataclasses.dataclass(frozen=True)
class Problem:
    """A folder that cannot be shown.

    Attributes:
        path: The folder.
        why: A sentence.
    """

    path: Path
    why: str


@dataclasses.dataclass(frozen=True)
class Metric:
    """What runs can be compared by.

    Attributes:
        name: As `tlzoo.compare` calls it.
        share: Whether it is a share, told in percent.
        lower: Whether less is better.
    """

    name: str
    share: bool
    lower: bool


@dataclasses.dataclass(frozen=True)
class Overview:
    """What was found in some folders.

    Attributes:
        runs: Finished runs, in the order they were named.
        problems: What cannot be shown, and why.
    """

    runs: tuple[RunView, ...]
    problems: tuple[Problem, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of the runs; only those of one can be compared."""
        return tuple(dict.fromkeys(run.task for run in self.runs))

    @staticmethod
    def metrics(task: str) -> tuple[Metric, ...]:
        """Returns what runs of a task can be compared by; the first is the usual one."""
        return tuple(Metric(name, is_share(name), lower_is_better(name)) for name in OF_TASK[task])


def overview(folders: Iterable[Path | str]) -> Overview:
    """Reads runs, and what holds runs.

    Args:
        folders: Run folders, or folders with run folders in them.
    """
    runs: list[RunView] = []
    problems: list[Problem] = []
    for folder in dict.fromkeys(path for given in folders for path in _runs_of(Path(given))):
        try:
            runs.append(_view(RunRecord.read(folder)))
        except TlzooError as error:
            problems.append(Problem(folder, f"{error.what} {error.do or ''}".strip()))
        except _BROKEN as error:
            why = " ".join(str(error).split())[:200] or type(error).__name__
            problems.append(Problem(folder, f"Its files are not as a run wrote them: {why}."))
    return Overview(tuple(_told_apart(runs)), tuple(problems))


def _runs_of(folder: Path) -> Iterator[Path]:
    """Yields a run folder itself, else those in it; a folder without any stands for itself, to be named."""
    inside: list[Path] = []
    if folder.is_dir() and not _is_run(folder):
        inside = sorted(each for each in folder.iterdir() if each.is_dir() and _is_run(each))
    yield from inside or [folder]


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("config.json", "plan.json", "metrics.json"))


def _view(record: RunRecord) -> RunView:
    seconds, data = record.metrics.get("seconds"), record.config.get("data", {})
    _ = record.test, record.predictions("test"), record.answers("test")
    events = record.path / "tensorboard"
    return RunView(
        path=record.path,
        name=record.name,
        task=record.task,
        recipe=record.plan.recipe,
        backbone=record.card.name,
        data=str(data.get("name", "")),
        params=int(record.metrics.get("params") or record.card.params),
        seconds=None if seconds is None else float(seconds),
        log=tuple(_epochs(record.log)),
        watched=SHOWN[record.task],
        class_names=tuple(record.class_names),
        confusion=_confusion(record),
        verdict=_verdict(record.path),
        tensorboard=events if events.is_dir() else None,
    )


def _epochs(log: Iterable[Mapping[str, Any]]) -> Iterator[Epoch]:
    """Yields epochs; seconds of the log begin anew with every phase."""
    before, last, phase = 0.0, 0.0, ""
    for number, row in enumerate(log, 1):
        seconds = float(row.get("seconds", 0.0))
        if str(row.get("phase", "")) != phase:
            before, phase = before + last, str(row.get("phase", ""))
        last = seconds
        values = {
            key: float(value)
            for key, value in row.items()
            if isinstance(value, int | float) and np.isfinite(value)
        }
        yield Epoch(phase, number, before + seconds, values)


def _confusion(record: RunRecord) -> tuple[tuple[int, ...], ...] | None:
    if record.task != "classification":
        return None
    seen = record.predictions("test")
    counts = confusion_counts(seen.labels, seen.logits.argmax(axis=1), len(record.class_names))
    return tuple(tuple(int(count) for count in row) for row in counts)


def _verdict(path: Path) -> Mapping[str, Any] | None:
    """Returns what a verdict says; None where there is none, or it cannot be read: it is no reason to hide a run."""
    for file in (path / "verdict" / "verdict.json", path / "verdict.json"):
        try:
            told = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(told, dict) and isinstance(told.get("sentence"), str):
            return told
    return None


def _told_apart(runs: list[RunView]) -> Iterator[RunView]:
    """Yields runs under names that differ: folders of the same name are told by those above them too."""
    names = [run.name for run in runs]
    for run in runs:
        name, depth = run.name, 1
        parts = run.path.resolve().parts
        while names.count(run.name) > 1 and depth < len(parts):
            depth += 1
            name = "/".join(parts[-depth:])
            same = [other for other in runs if other.name == run.name and other is not run]
            if all("/".join(other.path.resolve().parts[-depth:]) != name for other in same):
                break
        yield dataclasses.replace(run, name=name)

"""Trainings that are judged on the validation split alone, so that one of them can be chosen and only then tested.

An attempt's folder is a run folder without evidence: it holds its checkpoints, so that whichever is chosen is finished
(`finish`) without being trained again, and one that was killed goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.backbones.weights import write_arrays
from tlzoo.progress import Progress
from tlzoo.workflows.carry import Prepared, begin, carry_out
from tlzoo.workflows.request import Request

if TYPE_CHECKING:
    from tlzoo.plans import TaskName
    from tlzoo.training.deadline import Deadline
    from tlzoo.training.rundir import RunDir


@dataclass(frozen=True)
class Attempt:
    """A training and what the validation split says of it.

    Attributes:
        folder: The run folder.
        losses: Of each validation example, float64 (n,), infinite where training diverged: cross-entropy of calibrated
            probabilities (averaged over labels where there are several), or squared error as a share of the labels'
            variance.
        shown: Accuracy (of labels, where there are several), or the mean absolute error.
        seconds: It took, earlier sittings included.
        cut: Whether the time was up before the plan was done.
    """

    folder: Path
    losses: np.ndarray
    shown: float
    seconds: float
    cut: bool = False

    @property
    def loss(self) -> float:
        """The mean loss."""
        return float(self.losses.mean())

    def gain_over(self, other: Attempt) -> tuple[float, float]:
        """Returns by how much the loss is lower than another's, and the standard error of that, example by example."""
        differences = other.losses - self.losses
        return float(differences.mean()), float(differences.std() / np.sqrt(len(differences)))


def attempt(
    folder: Path,
    made: Prepared,
    request: Request,
    progress: Progress | None = None,
    *,
    deadline: Deadline | None = None,
) -> Attempt:
    """Trains without looking at the test split, or goes on with what was killed, or reads what is done.

    Args:
        folder: The attempt's folder; if it was begun before, its own plan counts.
        made: Data and plan.
        request: What was asked for.
        progress: Told how far things are.
        deadline: When training stops, wherever it is.
    """
    from tlzoo.training.rundir import RunDir

    started = time.perf_counter()
    if found := read_attempt(folder):
        return found
    run = RunDir(folder)
    if not (folder / "config.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        begin(run, made, request)
    with run.lock():
        before = _sittings(run)
        context, outcome = carry_out(run, made.dataset, progress, deadline=deadline, asked=("validation",))
        labels = context.labels[outcome.splits.validation]
        losses, shown = judged(context.task.name, outcome.logits["validation"], labels)
        write_arrays(folder / "validation.npz", {"losses": losses, "index": outcome.splits.validation})
        took = round(before + time.perf_counter() - started, 2)
        cut = deadline is not None and deadline.stopped and _short(run)
        facts = {
            "loss": float(losses.mean()) if np.isfinite(losses).all() else None,
            "shown": shown,
            "seconds": took,
            "cut": cut,
        }
        run.write_json("attempt.json", facts)
    return Attempt(folder, losses, shown, took, cut)


def read_attempt(folder: Path) -> Attempt | None:
    """Returns an attempt that is done; None if it is not."""
    import json

    from tlzoo.backbones.weights import read_arrays

    if not (folder / "attempt.json").is_file():
        return None
    facts = json.loads((folder / "attempt.json").read_text(encoding="utf-8"))
    losses = read_arrays(folder / "validation.npz")["losses"]
    return Attempt(folder, losses, facts["shown"], facts["seconds"], facts["cut"])


def lighten(folder: Path) -> None:
    """Removes checkpoints and weights of an attempt that nobody will finish; of finished runs nothing."""
    from tlzoo.training.rundir import RunDir

    run = RunDir(folder)
    if not run.finished:
        run.drop_checkpoints()
        run.weights_file.unlink(missing_ok=True)


def judged(task: TaskName, logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the loss of each example, float64 (n,), and what is shown beside it; see `Attempt`.

    Args:
        task: What was learned.
        logits: (n, c), or numbers (n, 1).
        labels: As the data set has them.
    """
    from tlzoo.metrics import multilabel
    from tlzoo.metrics.calibration import fit_temperature, softmax

    if not np.isfinite(logits).all():
        return np.full(len(labels), np.inf), 0.0
    if task == "regression":
        errors = logits[:, 0].astype(np.float64) - labels
        return np.square(errors) / max(float(labels.var()), 1e-12), float(np.abs(errors).mean())
    if task == "multilabel":
        temperature = multilabel.fit_sigmoid_temperature(logits, labels)
        found = multilabel.sigmoid(logits, temperature)
        return multilabel.cross_entropies(labels, found).mean(axis=1), float(((found > 0.5) == labels).mean())
    probabilities = softmax(logits, fit_temperature(logits, labels))
    right = probabilities[np.arange(len(labels)), labels]
    return -np.log(np.maximum(right, 1e-12)), float((logits.argmax(axis=1) == labels).mean())


def _sittings(run: RunDir) -> float:
    """Returns the seconds that a killed sitting had written down."""
    lines = log_of(run)
    ends = {entry["phase"]: float(entry["seconds"]) for entry in lines}
    return sum(ends.values())


def _short(run: RunDir) -> bool:
    """True if some phase has fewer epochs than planned and no patience that could have run out."""
    done: dict[str, int] = {}
    for entry in log_of(run):
        done[entry["phase"]] = done.get(entry["phase"], 0) + 1
    return any(not phase.patience for phase in run.plan.phases if done.get(phase.name, 0) < phase.epochs)


def log_of(run: RunDir) -> list[dict[str, Any]]:
    """Returns the epochs that a run's log tells of, in their order; a line that was cut short is left out."""
    import contextlib
    import json

    path, found = run.path / "log.jsonl", []
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        with contextlib.suppress(json.JSONDecodeError):  # a killed process can leave half a line
            found.append(json.loads(line))
    return found

"""One learner with one seed and one share of the training data: trained, asked about the test split, and remembered.

A cell's folder is a run folder only while it trains, and goes on where it was killed; what is left of it is one small
file. Every cell has the validation and test split of the run, so that differences are paired.
"""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.backbones.weights import read_arrays, write_arrays
from tlzoo.errors import RunError
from tlzoo.metrics.bootstrap import Statistic
from tlzoo.metrics.resampled import statistic
from tlzoo.progress import Progress
from tlzoo.workflows.attempts import judged
from tlzoo.workflows.carry import Prepared, begin, carry_out
from tlzoo.workflows.prepare import Settled, facts_of, plan_of
from tlzoo.workflows.request import Request
from tlzoo.workflows.verdict_parts import answers_of, metric_of, part_of
from tlzoo.workflows.verdict_training import last_phase, log_seconds, short

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.splits import Splits
    from tlzoo.workflows.run import Run


@dataclass(frozen=True)
class Learner:
    """Who learns.

    Attributes:
        name: `run`, `scratch`, `probe`, or what a mitigation is called.
        backbone: Name of the card.
        recipe: Name of the recipe.
        options: That differ from its defaults; never a seed.
    """

    name: str
    backbone: str
    recipe: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """A name for files: the same for the same learner."""
        told = json.dumps([self.backbone, self.recipe, dict(self.options)], sort_keys=True, default=str)
        return f"{self.recipe}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Told:
    """What is known of a cell beside its answers.

    Attributes:
        examples: Training examples.
        value: The task's metric on the validation split.
        training: Seconds of training alone, all sittings.
        seconds: All of its seconds.
        epochs: Of the last phase, as trained.
        epoch: Seconds of one of them; 0 where there was only one.
        rise: By how much the validation split was better served by the best epoch of the second half of the last phase
            than by that of the first half, in what training shows (an error as a share of the labels' spread).
        cut: Whether the time was up before the plan was done.
    """

    examples: int
    value: float
    training: float
    seconds: float
    epochs: int = 0
    epoch: float = 0.0
    rise: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Cell:
    """What came of it.

    Attributes:
        answers: On the test split, as `metrics.resampled` takes them.
        index: Test examples, in the order of the answers.
        losses: Of each validation example, float64 (n,).
        told: The rest.
    """

    answers: np.ndarray
    index: np.ndarray
    losses: np.ndarray
    told: Told

    def statistic(self, labels: np.ndarray, task: str) -> Statistic:
        """Returns the task's metric on resampled test examples.

        Args:
            labels: Of the whole data set.
            task: What is learned.
        """
        return statistic(metric_of(task), labels[self.index], self.answers, task)


class Cells:
    """The cells of a run's verdict.

    Args:
        run: The run.
        dataset: Its data.
        folder: Where they stand.
        progress: Told how far things are.
    """

    def __init__(self, run: Run, dataset: Dataset, folder: Path, progress: Progress | None = None) -> None:
        from tlzoo.data.splits import Splits

        self.run, self.dataset, self.folder, self.progress = run, dataset, folder, progress
        self.task, self.splits = run.task, Splits(**run.folder.read_splits())
        # Differences of numbers are told in shares of their spread.
        spread = dataset.labels[self.splits.train].std() if self.task == "regression" else 1.0
        self.unit = max(float(spread), 1e-12)

    def own(self) -> Cell:
        """Returns the run itself as a cell: nobody needs to train it again."""
        from tlzoo.evaluation.record import RunRecord

        record = RunRecord.read(self.run.path)
        told = record.predictions("validation")
        losses, _ = judged(self.task, told.logits, told.labels)
        phases = record.metrics["phases"]
        training = sum(seconds for name, seconds in phases.items() if name != "predict")
        value = self._value(told.labels, record.answers("validation"))
        return Cell(
            record.answers("test"),
            record.predictions("test").index,
            losses,
            Told(len(self.splits.train), value, training, training, len(record.log)),
        )

    def read(self, learner: Learner, share: float, seed: int) -> Cell | None:
        """Returns a cell that is done; None if it is not."""
        path = self._file(learner, share, seed)
        if not path.is_file():
            return None
        kept = read_arrays(path)
        return Cell(kept["answers"], kept["index"], kept["losses"], Told(**json.loads(str(kept["told"]))))

    def make(self, learner: Learner, share: float, seed: int, deadline: float | None = None) -> Cell:
        """Trains a cell, or goes on with what was killed, or reads what is done.

        Args:
            learner: Who learns.
            share: Of the training split, in (0, 1].
            seed: Of weights, order, and which examples where there are fewer.
            deadline: Value of `time.monotonic()` at which training stops, wherever it is.
        """
        import keras

        if found := self.read(learner, share, seed):
            return found
        work = self._file(learner, share, seed).with_suffix("")
        tell = self.progress and _named(
            self.progress, f"{learner.name}, {share:.0%} of the data, seed {seed}"
        )
        cell = self._trained(work, learner, (share, seed), tell, deadline)
        keras.backend.clear_session()
        gc.collect()
        told = np.array(json.dumps(asdict(cell.told)))
        arrays = {"answers": cell.answers, "index": cell.index, "losses": cell.losses, "told": told}
        write_arrays(self._file(learner, share, seed), arrays)
        shutil.rmtree(work, ignore_errors=True)
        return cell

    def _trained(
        self,
        work: Path,
        learner: Learner,
        which: tuple[float, int],
        tell: Progress | None,
        deadline: float | None,
    ) -> Cell:
        from tlzoo.training.rundir import RunDir

        started, folder = time.perf_counter(), RunDir(work)
        if not (work / "config.json").is_file():
            work.mkdir(parents=True, exist_ok=True)
            made, request = self._made(learner, *which)
            begin(folder, made, request, self.run.folder.config["command"])
        before = sum(log_seconds(folder).values())
        context, outcome = carry_out(folder, self.dataset, tell, deadline=deadline)
        splits, labels = outcome.splits, context.labels
        logits = {split: _finite(each) for split, each in outcome.logits.items()}
        held = labels[splits.validation]
        losses, _ = judged(self.task, outcome.logits["validation"], held)
        validation, test = answers_of(self.task, logits, held)
        training = before + sum(seconds for name, seconds in outcome.seconds.items() if name != "predict")
        told = Told(
            len(splits.train),
            self._value(held, validation),
            round(training, 2),
            round(before + time.perf_counter() - started, 2),
            **last_phase(folder, context.task.shown, self.unit * (-1 if self.task == "regression" else 1)),
            cut=deadline is not None and time.monotonic() >= deadline and short(folder),
        )
        return Cell(test, splits.test, losses, told)

    def _made(self, learner: Learner, share: float, seed: int) -> tuple[Prepared, Request]:
        from tlzoo import registry

        config, splits = self.run.folder.config, self.split(share, seed)
        fresh = 0 if np.isin(splits.validation, splits.train).any() else len(splits.validation)
        card = registry.backbones().get(learner.backbone)
        settled = Settled(self.dataset, splits, card, facts_of(self.dataset, splits, fresh))
        request = Request(
            backbone=learner.backbone,
            recipe=learner.recipe,
            seed=seed,
            validation=config["validation"],
            test=config["test"],
            engine=config["engine"],
            options=learner.options,
        )
        return Prepared(self.dataset, splits, plan_of(settled, request)), request

    def split(self, share: float, seed: int) -> Splits:
        """Returns the splits with fewer training examples; smaller shares are parts of larger ones."""
        from dataclasses import replace

        train = self.splits.train
        rows = train if share >= 1 else np.sort(train[part_of(self.dataset.labels[train], share, seed)])
        # Where there was too little to hold anything out, what trains chooses as well.
        shared = np.isin(self.splits.validation, train).any()
        return replace(self.splits, train=rows, **({"validation": rows} if shared else {}))

    def _value(self, labels: np.ndarray, answers: np.ndarray) -> float:
        found = statistic(metric_of(self.task), labels, answers, self.task)
        return float(found(np.arange(len(labels))[None, :])[0])

    def _file(self, learner: Learner, share: float, seed: int) -> Path:
        return self.folder / f"{learner.key}-{100 * share:g}-{seed}.npz"


def aligned(cells: list[Cell]) -> None:
    """Raises `RunError` unless all cells were tested on the same examples in the same order."""
    if any(not np.array_equal(cell.index, cells[0].index) for cell in cells[1:]):
        raise RunError(
            "learners of this verdict were tested on different examples.",
            allowed="data that stays as it is while it is measured.",
            do="Remove the folder 'verdict' of the run, and ask again.",
        )


def _finite(logits: np.ndarray) -> np.ndarray:
    """Returns logits of a training that may have diverged: it then knows nothing."""
    return logits if np.isfinite(logits).all() else np.zeros_like(logits)


def _named(tell: Progress, name: str) -> Progress:
    return lambda done, total, text: tell(done, total, f"{name}: {text}")

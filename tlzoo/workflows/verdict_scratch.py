"""How long and how fast the baseline from scratch learns: chosen on validation, in its favour where in doubt.

It begins with the epochs of the recipe, at its rate and at a quarter of it, and goes on with twice as many as long as
the validation split says that helps and there is time. A comparison with a baseline that was stopped early would be a
comparison of budgets; where that cannot be avoided, what it was still gaining is told (`Scratch.could_gain`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tlzoo.plans import Plan
from tlzoo.recipes.baselines import SCRATCH_RATES, scratch_options
from tlzoo.recipes.catalog import RECIPES
from tlzoo.recipes.options import defaults
from tlzoo.training.deadline import Deadline
from tlzoo.workflows.budget import Budget
from tlzoo.workflows.verdict_cells import Cell, Cells, Learner
from tlzoo.workflows.verdict_parts import better

STEPS = 300
"""Steps it has at least, however few examples make an epoch."""

DOUBLINGS = 3
"""How often its epochs are doubled at most."""

FULL, ALONE = 0.65, 0.95
"""Share of the time for learners with all the data where there is a curve as well, and where there is none."""

SLACK = 1.1
"""Measured times are multiplied with this: machines get busy."""

LEAST = 10
"""Epochs below which nothing is learned from random weights."""


@dataclass(frozen=True)
class Scratch:
    """The baseline, once it is settled.

    Attributes:
        epochs: Passes over the training split.
        rate: Peak rate.
        could_gain: What it still gained of the metric, on validation, when its epochs were last doubled (or in the
            second half of its only training), where there was no time to double them again; else 0.
        short: Whether the time was up before it had learned all it would.
        doubled: Whether it has more epochs than it began with.
    """

    epochs: int
    rate: float
    could_gain: float = 0.0
    short: bool = False
    doubled: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as JSON can hold it."""
        return asdict(self)

    def learner(self, plan: Plan, cells: Cells, share: float = 1.0) -> Learner:
        """Returns it as one that learns.

        Args:
            plan: Of the run.
            cells: Of the run.
            share: Of the training split. With fewer examples it has more epochs, though fewer steps.
        """
        options = scratch_options(plan, cells.run.folder.card)
        epochs = self.epochs
        if share < 1:
            steps = _steps(share * len(cells.splits.train), options)
            enough = min(math.ceil(STEPS / steps), math.ceil(epochs / share))
            epochs = max(math.ceil(epochs / math.sqrt(share)), enough)
        options |= {"epochs": epochs, "rate": self.rate}
        return Learner("scratch", plan.backbone, "scratch", options)


@dataclass
class Search:
    """The search for it, on the first seed.

    Attributes:
        cells: Of the run.
        plan: Of the run.
        budget: What may be spent.
        seeds: How many seeds will learn with all the data.
        own: The run itself.
        curve: Whether smaller shares of the data are asked for as well.
    """

    cells: Cells
    plan: Plan
    budget: Budget
    seeds: int
    own: Cell
    curve: bool = True

    def settle(self, epochs: int | None = None) -> Scratch:
        """Returns the baseline.

        Args:
            epochs: Those it has; None searches.
        """
        usual = defaults(RECIPES["scratch"])
        rate = float(usual["rate"])
        if epochs:
            return Scratch(epochs, rate)
        looks = scratch_options(self.plan, self.cells.run.folder.card)
        start = max(int(usual["epochs"]), math.ceil(STEPS / _steps(len(self.cells.splits.train), looks)))
        first = self._cell(
            Scratch(start, rate), deadline=self.budget.deadline(self.budget.left / 2, whole=True)
        )
        # Fewer seeds rather than fewer epochs than the recipe's; more epochs only if all seeds can have them.
        least = max(self._room(first, 2), self._fair(first), LEAST)
        if first.told.cut and least < start:
            cell = self._cell(Scratch(least, rate), deadline=self.budget.deadline())
            return Scratch(least, rate, max(0.0, cell.told.rise), short=True)
        if (
            first.told.cut
        ):  # there is time for all of it by now: a larger budget, or nothing else to spend it on
            first = self._cell(Scratch(start, rate), self.budget.deadline(), anew=True)
        most = min(max(self._room(first, self.seeds), self._fair(first)), start * 2**DOUBLINGS)
        return self._doubled(*self._slower(Scratch(start, rate), first, most), most)

    def _slower(self, settled: Scratch, cell: Cell, most: int) -> tuple[Scratch, Cell]:
        """Returns what is better at the recipe's rate or at a share of it, if there is time for another training."""
        for share in SCRATCH_RATES[1:] if most >= 2 * settled.epochs else ():
            other = Scratch(settled.epochs, settled.rate * share)
            rival = self._cell(other)
            if rival.losses.mean() < cell.losses.mean():
                settled, cell = other, rival
        return settled, cell

    def _doubled(self, settled: Scratch, cell: Cell, most: int) -> Scratch:
        """Returns it with twice the epochs as long as that helps."""
        if 2 * settled.epochs > most:
            return Scratch(settled.epochs, settled.rate, max(0.0, cell.told.rise), short=True)
        while 2 * settled.epochs <= most:
            longer = Scratch(2 * settled.epochs, settled.rate)
            rival = self._cell(longer)
            gain, error = _gain(cell, rival)
            more = better(self.cells.task) * (rival.told.value - cell.told.value) / self.cells.unit
            if gain <= 0 and more <= 0:
                return settled
            could = max(0.0, more) if gain > error else 0.0
            short = could > 0 and 4 * settled.epochs > most
            settled, cell = Scratch(longer.epochs, longer.rate, could if short else 0.0, short, True), rival
        return settled

    def _cell(self, settled: Scratch, deadline: Deadline | None = None, *, anew: bool = False) -> Cell:
        learner = settled.learner(self.plan, self.cells)
        return self.cells.make(learner, 1.0, self.plan.seed, deadline, anew=anew)

    def _room(self, first: Cell, seeds: int) -> int:
        """Returns how many epochs some seeds can have with all the data, and the search as many as two seeds."""
        others = (seeds - 1) * (self.own.told.training + 2)
        each = ((FULL if self.curve else ALONE) * self.budget.left - others) / (seeds + 1)
        start = max(0.0, first.told.seconds - first.told.epochs * first.told.epoch)
        return math.floor((each / SLACK - start) / max(first.told.epoch, 1e-6))

    def _fair(self, first: Cell) -> int:
        """Returns the epochs that take the time the run's own training took."""
        start = max(0.0, first.told.training - first.told.epochs * first.told.epoch)
        return math.ceil((self.own.told.training - start) / max(first.told.epoch, 1e-6))


def _steps(examples: float, options: Mapping[str, Any]) -> int:
    """Returns the steps of an epoch."""
    return max(1, math.ceil(examples / int(options.get("batch_size", 32))))


def _gain(cell: Cell, rival: Cell) -> tuple[float, float]:
    """Returns by how much a rival's validation loss is lower, and the standard error of that."""
    differences = cell.losses - rival.losses
    return float(differences.mean()), float(differences.std() / math.sqrt(len(differences)))

"""Which cells a verdict needs, in what order, and how far the budget goes.

All the data first, seed by seed, since the word depends on it; then the probe; then the curve; then mitigations. What
there is no time for is left out and named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tlzoo.metrics.bootstrap import Statistic
from tlzoo.recipes.baselines import Mitigation, probe_options
from tlzoo.workflows.budget import Budget
from tlzoo.workflows.verdict_cells import Cell, Cells, Learner
from tlzoo.workflows.verdict_scratch import Scratch, Search

CURVE_SEEDS = 3
"""Seeds of each point of the curve, and of each mitigation."""

UNKNOWN = 10.0
"""Seconds that a learner is thought to take before one like it was seen."""


@dataclass
class Trials:
    """All cells of a verdict, as far as they are done.

    Attributes:
        cells: Trains and remembers them.
        budget: What may be spent.
        seeds: The run's own first.
        shares: Of the training split, below 1.
        note: Called with the baseline after each cell, so that a killed process is remembered.
        own: The run itself.
        scratch: The baseline, once it is settled.
        found: Cells by name of the learner, share and seed.
        missing: What there was no time for: (name, share) to the number of seeds.
    """

    cells: Cells
    budget: Budget
    seeds: tuple[int, ...]
    shares: tuple[float, ...]
    note: Callable[[Scratch], None]
    own: Cell
    scratch: Scratch | None = None
    found: dict[tuple[str, float, int], Cell] = field(default_factory=dict)
    missing: dict[tuple[str, float], int] = field(default_factory=dict)

    def go_on(self, epochs: int | None = None) -> None:
        """Trains what is not done, as long as there is time.

        Args:
            epochs: Of the baseline; None searches.
        """
        plan = self.cells.run.folder.plan
        if self.scratch is None:
            search = Search(self.cells, plan, self.budget, len(self.seeds), self.own, bool(self.shares))
            self.scratch = search.settle(epochs)
            self.note(self.scratch)
        self.found["run", 1.0, plan.seed] = self.own
        for learner, share, seed in self._order():
            if (learner.name, share, seed) not in self.found:
                self._do(learner, share, seed)

    def try_out(self, chosen: Sequence[Mitigation]) -> None:
        """Trains mitigations with all the data, as long as there is time.

        Args:
            chosen: Likeliest to help first.
        """
        for each in chosen:
            for seed in self.seeds[:CURVE_SEEDS]:
                self._do(Learner(each.name, each.backbone, each.recipe, each.options), 1.0, seed)

    def statistics(self, name: str, share: float = 1.0) -> list[Statistic]:
        """Returns the metric of each seed of a learner that is done.

        Args:
            name: Of the learner.
            share: Of the training split.
        """
        return [cell.statistic(self.cells.dataset.labels, self.cells.task) for cell in self.done(name, share)]

    def done(self, name: str, share: float = 1.0) -> list[Cell]:
        """Returns the cells of a learner that are done, in the order of the seeds."""
        keys = [(name, share, seed) for seed in self.seeds]
        return [self.found[key] for key in keys if key in self.found]

    def _order(self) -> Iterator[tuple[Learner, float, int]]:
        run, probe = self._run, self._probe
        for seed in self.seeds:
            yield run, 1.0, seed
            yield self._scratch(1.0), 1.0, seed
        if probe.recipe != run.recipe:
            yield from ((probe, 1.0, seed) for seed in self.seeds)
        for seed in self.seeds[:CURVE_SEEDS]:
            for share in sorted(self.shares, reverse=True):
                yield run, share, seed
                yield self._scratch(share), share, seed

    @property
    def _run(self) -> Learner:
        config = self.cells.run.folder.config
        options = {name: value for name, value in config["options"].items() if name != "seed"}
        return Learner("run", config["backbone"], config["recipe"], options)

    @property
    def _probe(self) -> Learner:
        folder = self.cells.run.folder
        return Learner(
            "probe", folder.plan.backbone, "feature_extraction", probe_options(folder.plan, folder.card)
        )

    def _scratch(self, share: float) -> Learner:
        assert self.scratch is not None  # noqa: S101 - it is settled first
        return self.scratch.learner(self.cells.run.folder.plan, self.cells, share)

    def _do(self, learner: Learner, share: float, seed: int) -> None:
        known = self.cells.read(learner, share, seed)
        first = share < 1 and any(at == 1 and name != "probe" for name, at in self.missing)
        if known is None and (first or self._expected(learner, share) > self.budget.left):
            self.missing[learner.name, share] = self.missing.get((learner.name, share), 0) + 1
            return
        self.found[learner.name, share, seed] = known or self.cells.make(learner, share, seed)
        assert self.scratch is not None  # noqa: S101 - it is settled first
        self.note(self.scratch)

    def _expected(self, learner: Learner, share: float) -> float:
        """Returns the seconds a cell will probably take."""
        same = [
            cell.told.seconds
            for (name, at, _), cell in self.found.items()
            if (name, at) == (learner.name, share)
        ]
        whole = [
            cell.told.seconds
            for (name, at, _), cell in self.found.items()
            if (name, at) == (learner.name, 1.0)
        ]
        if same:
            return max(same)
        return max(whole) * math.sqrt(share) if whole else max(self.own.told.training, UNKNOWN)


def told(missing: dict[tuple[str, float], int]) -> tuple[str, ...]:
    """Returns what there was no time for, in words.

    Args:
        missing: As `Trials` has it.

    Example:
        >>> told({("scratch", 0.25): 2})
        ('scratch with 25% of the data, 2 seeds',)
    """

    def words(name: str, share: float, count: int) -> str:
        data = "all the data" if share >= 1 else f"{100 * share:g}% of the data"
        return f"{name} with {data}, {count} seed{'s' if count > 1 else ''}"

    return tuple(words(name, share, count) for (name, share), count in missing.items())

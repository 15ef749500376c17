"""How many epochs of a recipe fit into the time that is left, by steps that are measured first."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo.progress import Progress
from tlzoo.workflows.budget import Budget, in_words
from tlzoo.workflows.carry import Prepared
from tlzoo.workflows.trials import trial_context

if TYPE_CHECKING:
    from tlzoo.plans import Phase
    from tlzoo.training.timing import Timing

LEAST = 2
"""Epochs of the last phase below which training is not worth its start."""

SLACK = 1.15
"""Measured times are multiplied with this: machines get busy."""

REPORT = 25.0
"""Seconds for what comes after the test split was run through the network: scores, pictures, the report."""


@dataclass(frozen=True)
class Fit:
    """What there is time for.

    Attributes:
        epochs: Of the last phase; 0 if there is no time for it.
        whole: Whether those are all it has.
        reserve: Seconds to keep for its test and report.
        why: In words, with the numbers.
    """

    epochs: int
    whole: bool
    reserve: float
    why: str


def fit(
    made: Prepared, budget: Budget, folder: Path, how: tuple[bool, float], progress: Progress | None = None
) -> Fit:
    """Returns how much of a plan there is time for.

    Args:
        made: Data and plan.
        budget: What is left of it counts.
        folder: Of the attempt; if it was begun before, it goes on as it is.
        how: Whether epochs are as the user wants them, all or none; and the least share of them that is worth it.
        progress: Told how far things are.
    """
    asked, share = how
    tunes = [phase for phase in made.plan.phases if phase.inputs in ("pixels", "tokens")]
    if (begun := _begun(folder)) is not None:
        usual = tunes[-1].epochs if tunes else begun
        return Fit(begun, begun == usual, REPORT, "it was begun before")
    if not tunes:  # pairs, whose steps nobody has timed: the deadline alone holds them
        enough = budget.left > 4 * REPORT
        return Fit(int(enough), True, REPORT, f"{in_words(max(budget.left, 0))} are left")
    if budget.left < 2 * REPORT:
        return Fit(
            0, False, REPORT, f"{in_words(max(budget.left, 0))} are left, too little to time its steps"
        )
    timing = _measured(made, tunes[-1], progress)
    return fitting(
        timing, tunes, len(made.splits.test), budget.left, (LEAST if not asked else tunes[-1].epochs, share)
    )


def fitting(timing: Timing, tunes: list[Phase], tested: int, left: float, least: tuple[int, float]) -> Fit:
    """Returns how many epochs fit.

    Args:
        timing: Of the last of the phases, which is the most expensive one.
        tunes: Phases that run the backbone, in order.
        tested: Examples of the test split.
        left: Seconds.
        least: Epochs of the last phase, and share of them, below which it is not worth it.
    """
    usual = tunes[-1].epochs
    reserve = SLACK * tested * timing.judging + REPORT
    fixed = timing.start * len(tunes) + sum(phase.epochs for phase in tunes[:-1]) * timing.epoch
    room = left - reserve - SLACK * fixed
    epochs = min(usual, math.floor(max(room, 0.0) / (SLACK * timing.epoch)))
    told = (
        f"an epoch takes {in_words(timing.epoch)}, {in_words(max(left, 0))} are left, {in_words(reserve)} of them for "
        "test and report"
    )
    if epochs < max(min(least[0], usual), least[1] * usual):
        return Fit(0, False, reserve, f"{told}: no time for it")
    fewer = "" if epochs == usual else f": {epochs} epochs instead of {usual}"
    return Fit(epochs, epochs == usual, reserve, f"{told}{fewer}")


def _measured(made: Prepared, phase: Phase, progress: Progress | None) -> Timing:
    from tlzoo.training.timing import timed

    with trial_context(made.dataset, made.splits, made.plan, progress=progress) as context:
        return timed(context.without_broken(), phase)


def _begun(folder: Path) -> int | None:
    """Returns the epochs that an interrupted sitting had planned for the last phase; None if it had not come to it."""
    if not (folder / "config.json").is_file():
        return None
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return int(plan["phases"][-1]["epochs"])

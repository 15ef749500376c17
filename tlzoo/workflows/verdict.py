"""`tlzoo verdict`: did transfer help here, against the same network from scratch, with its doubt.

The run's own plan learns again with other seeds, and so does the same network from random weights, with as much time as
it needs within the budget (He et al., "Rethinking ImageNet Pre-training", ICCV 2019: a baseline that is stopped early
proves nothing). The gain is measured on the run's test split, in pairs. What was asked is remembered in `RUN/verdict/`;
a killed process goes on, a larger budget adds what was missing, and the same question again costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo import paths
from tlzoo.errors import RunError, UsageError
from tlzoo.progress import Progress
from tlzoo.workflows.budget import Budget, in_words
from tlzoo.workflows.verdict_answer import Verdict
from tlzoo.workflows.verdict_cells import Cells
from tlzoo.workflows.verdict_conclusion import advised, conclude
from tlzoo.workflows.verdict_scratch import Scratch
from tlzoo.workflows.verdict_trials import Trials

if TYPE_CHECKING:
    from tlzoo.workflows.run import Run

__all__ = ["Verdict", "VerdictRequest", "verdict"]


@dataclass(frozen=True)
class VerdictRequest:
    """What is asked.

    Attributes:
        seeds: How many of run and scratch, 2 or more; the run itself is the first.
        shares: Of the training split, in (0, 1], for the learning curve; all the data is always among them.
        seconds: That may be spent, earlier sittings included.
        margin: Gains up to this are called neutral: a share, or in units of the spread of numbers.
        tries: Whether mitigations are tried.
        epochs: Of the baseline from scratch; None takes as many as help and there is time for.
    """

    seeds: int = 5
    shares: tuple[float, ...] = (0.1, 0.25, 0.5)
    seconds: float = 600.0
    margin: float = 0.01
    tries: bool = False
    epochs: int | None = None


def verdict(
    run: Run | str | Path,
    asked: VerdictRequest | None = None,
    *,
    data: Any = None,
    progress: Progress | None = None,
) -> Verdict:
    """Says whether transfer helped in a run, and adds that to its folder, report and TensorBoard.

    Args:
        run: A finished run, or its folder.
        asked: What is asked.
        data: The data it was trained on, if that was given in memory.
        progress: Told how far it is.

    Raises:
        RunError: It is no finished run, or its data is gone or has changed.
        UsageError: The run transferred nothing, or the question makes no sense.
    """
    from tlzoo.workflows.run import Run

    asked = asked or VerdictRequest()
    asked = replace(asked, shares=tuple(sorted({share for share in asked.shares if share != 1})))
    path = run.path if isinstance(run, Run) else Path(run)
    if data is not None:
        run = Run.with_data(path, data)
    run = run if isinstance(run, Run) else Run(path)
    _refuse(run, asked)
    state = _State.open(run, asked)
    if known := state.remembered():
        return known
    with state.lock():
        trials = _trials(run, asked, state, progress)
        trials.go_on(asked.epochs)
        tried = advised(trials, margin=asked.margin) if asked.tries else ()
        trials.try_out(tried)
        answer = conclude(trials, asked.margin, tried)
        state.write(answer)
    return answer


def _trials(run: Run, asked: VerdictRequest, state: _State, progress: Progress | None) -> Trials:
    cells = Cells(run, run.dataset, state.folder / "cells", progress)
    budget = Budget(asked.seconds, state.seconds)
    own = cells.own()
    if budget.seconds < own.told.training:
        raise UsageError(
            f"a budget of {in_words(budget.seconds)}: the run's own training took {in_words(own.told.training)}, and "
            "scratch must have as long.",
            allowed=f"{in_words(2 * own.told.training)} or more; some times that for several seeds.",
            do="Raise --budget.",
        )
    first = run.folder.plan.seed
    seeds = tuple(range(first, first + asked.seeds))
    note = lambda scratch: state.note(budget.spent, scratch)  # noqa: E731
    return Trials(cells, budget, seeds, asked.shares, note, own, state.scratch)


def _refuse(run: Run, asked: VerdictRequest) -> None:
    """Raises unless the question makes sense."""
    plan, config = run.folder.plan, run.folder.config
    why = (
        "is an adaptation to another domain, not a training"
        if "target" in config or plan.recipe == "adapt"
        else "looked at the test examples while training, which scratch could not"
        if plan.transductive
        else "began from random weights itself, so nothing was transferred"
        if not plan.pretrained
        else ""
    )
    if why:
        raise UsageError(
            f"'{run.path}' {why}.",
            allowed="a run of a recipe that starts from pretrained weights.",
            do="Name another run; `tlzoo compare` compares any two.",
        )
    if asked.seeds < 2:
        raise UsageError(
            f"{asked.seeds} seeds: luck cannot be told from skill.",
            allowed="2 or more.",
            do="Write --seeds 5.",
        )
    if any(not 0 < share <= 1 for share in asked.shares):
        raise UsageError(
            f"shares {', '.join(f'{share:g}' for share in asked.shares)} of the training split.",
            allowed="above 0, up to 1 (100%).",
            do="Write --sizes 10,25,50,100.",
        )
    if not (asked.margin >= 0 and asked.seconds > 0 and (asked.epochs is None or asked.epochs > 0)):
        raise UsageError(
            f"margin={asked.margin}, budget={asked.seconds} s, epochs={asked.epochs}.",
            allowed="a margin of 0 or more, some seconds, some epochs.",
            do="Leave them out.",
        )


@dataclass
class _State:
    """What is remembered of a verdict.

    Attributes:
        folder: `RUN/verdict`.
        asked: What was asked, without the budget.
        wanted: Seconds that may be spent.
        seconds: Spent so far.
        scratch: The baseline, if it is settled.
    """

    folder: Path
    asked: dict[str, Any]
    wanted: float
    seconds: float = 0.0
    scratch: Scratch | None = None

    @classmethod
    def open(cls, run: Run, asked: VerdictRequest) -> _State:
        """Finds what was asked of a run before; another run in the same folder is forgotten."""
        config = run.folder.config
        facts = {
            "plan": run.folder.plan.digest,
            "fingerprint": config["data"]["fingerprint"],
            "weights": config["weights_hash"],
            "epochs": asked.epochs,
        }
        question = {
            "seeds": asked.seeds,
            "shares": list(asked.shares),
            "margin": asked.margin,
            "tries": asked.tries,
        }
        state = cls(run.path / "verdict", {**facts, **question}, asked.seconds)
        known = state._read("state.json")
        if known and all(known["asked"].get(name) == value for name, value in facts.items()):
            state.seconds = float(known["seconds"])
            # More time may show what a baseline that was cut short would have learned.
            usable = known["scratch"] and (not known["scratch"]["short"] or asked.seconds <= known["budget"])
            state.scratch = Scratch(**known["scratch"]) if usable else None
        return state

    def remembered(self) -> Verdict | None:
        """Returns the answer if the very same was asked before, and there is no more time than there was then."""
        told = self._read("verdict.json")
        if not told or told["asked"] != self.asked:
            return None
        answer = Verdict.from_dict(told)
        short = answer.missing or (self.scratch is None)
        return None if short and self.wanted > answer.budget else replace(answer, run=str(self.folder.parent))

    def lock(self) -> Any:
        """Keeps a second process out."""
        from tlzoo.training.rundir import RunDir

        self.folder.mkdir(parents=True, exist_ok=True)
        return RunDir(self.folder).lock()

    def note(self, seconds: float, scratch: Scratch) -> None:
        """Writes down how far things are."""
        told = {"asked": self.asked, "seconds": seconds, "budget": self.wanted, "scratch": scratch.to_dict()}
        paths.write_json(self.folder / "state.json", told)

    def write(self, answer: Verdict) -> None:
        """Writes the answer, and shows it in the report and on TensorBoard."""
        from tlzoo.evaluation.report import write_report
        from tlzoo.evaluation.verdict_board import write_verdict

        paths.write_json(self.folder / "verdict.json", {**answer.to_dict(), "asked": self.asked})
        run = self.folder.parent
        write_verdict(answer.to_dict(), run / "tensorboard" / "verdict")
        write_report(run)

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        except ValueError as error:
            raise RunError(
                f"'{path}' cannot be read: {error}.",
                allowed="what `tlzoo verdict` wrote.",
                do=f"Remove '{self.folder}', and ask again.",
            ) from error
        return found


def percentages(text: str) -> Sequence[float]:
    """Returns shares from percentages such as `10,25,50,100`.

    Args:
        text: Numbers with commas between them.

    Raises:
        UsageError: They are none.

    Example:
        >>> percentages("10,25,50,100")
        (0.1, 0.25, 0.5, 1.0)
    """
    try:
        return tuple(float(part) / 100 for part in text.replace("%", "").split(",") if part.strip())
    except ValueError as error:
        raise UsageError(f"'{text}' is no list of percentages.", allowed="10,25,50,100.") from error

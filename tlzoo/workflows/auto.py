"""`--recipe auto`: a budgeted procedure that ends with the run of a recipe, and with why.

1. **Rank** (a tenth of the budget): backbones at hand are scored on the training split, the usual one first. Another
   is taken only if it is better beyond noise. Left out where the user names a backbone.
2. **Probe**: `feature_extraction`. Seconds, and what is fallen back on.
3. **Shift**: probes after every stage (`tlzoo layers`) say whether the data is near the pretraining data or far.
4. **Try** the recipes most likely to win by size and shift (`recipes/shortlist.py`), as long as there is time. Steps
   are timed first; a recipe gets as many of its epochs as fit, and two at least, or is passed over.
5. **Stop** when a further recipe gains no more than noise, or the time is up.
6. **Finish** the chosen attempt: only now is the test split looked at.

The validation split judges, example by example. It is small, so it corrects the literature rather than replacing it:
the first recipe of the list is taken unless it is worse than the probe by more than a standard error, and a later one
only if it is better by more than one. Everything decided is written to `choice.json` with the second it was decided in.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import SourceError, TlzooError, UsageError
from tlzoo.progress import Progress
from tlzoo.workflows.attempts import Attempt, attempt, lighten
from tlzoo.workflows.auto_log import AutoLog
from tlzoo.workflows.budget import Budget, in_words
from tlzoo.workflows.carry import Prepared
from tlzoo.workflows.fit_time import Fit, fit
from tlzoo.workflows.prepare import Settled, plan_of, settle
from tlzoo.workflows.request import Request

if TYPE_CHECKING:
    from tlzoo.recipes.shortlist import Entry, Shift
    from tlzoo.training.deadline import Deadline
    from tlzoo.training.rundir import RunDir

log = logging.getLogger("tlzoo")

BUDGET = 600.0
"""Seconds that are spent if nobody says."""

RANKING, LOOKING = 0.1, 600
"""Share of the budget for ranking backbones; training examples whose stages are probed."""

LIKE_BEFORE = 0.5
"""Share of the longest attempt's time without which steps of another are not even timed."""


@dataclass
class Auto:
    """The procedure, as far as it has come.

    Attributes:
        settled: Data and the usual backbone, or the one that was named.
        request: What was asked for.
        run: The run folder.
        log: What was decided.
        progress: Told how far things are.
        best: Name and attempt of what would be chosen now.
    """

    settled: Settled
    request: Request
    run: RunDir
    log: AutoLog
    progress: Progress | None = None
    best: tuple[str, Attempt] | None = None
    _tried: dict[str, Attempt] = field(default_factory=dict)

    def choose(self) -> Path:
        """Carries the procedure out up to its choice, and returns the folder of the chosen attempt."""
        from tlzoo.recipes.shortlist import class_weights, shortlist

        if self.request.backbone is None:
            self._rank()
        weights, why = class_weights(self.settled.facts)
        if weights != "none" and "class_weights" not in self.request.options:
            self.request = replace(self.request, options={**self.request.options, "class_weights": weights})
            self.log.decide(f"weight classes: {weights}", why)
        self._probe()
        shift = self._shift()
        for entry in shortlist(self.settled.card, self.settled.facts, shift):
            if not self._try(entry):
                break
        return self._choose()

    def _rank(self) -> None:
        from tlzoo.workflows import zoo
        from tlzoo.workflows.rank import RankRequest, rank

        usual, asked = self.settled.card.name, self.request
        entries = zoo.backbones(zoo.Filter(modality=self.settled.dataset.modality, offline=True))
        names = [usual, *(entry.card.name for entry in entries if entry.card.name != usual)]
        seconds = self.log.budget.share(RANKING)
        request = RankRequest(
            backbones=tuple(names),
            seed=asked.seed,
            engine=asked.engine,
            validation=asked.validation,
            test=asked.test,
            seconds=seconds,
        )
        try:
            found = rank(self.settled.dataset, request, progress=self.progress)
        except SourceError as error:
            self.log.decide(f"take {usual}", f"the usual one; backbones could not be ranked: {error.what}")
            return
        taken = usual if usual in (found.best, *found.within_noise) else found.best
        left = (
            f" Not ranked: {'; '.join(f'{name} ({why})' for name, why in found.left_out.items())}."
            if (found.left_out)
            else ""
        )
        self.log.decide(f"take {taken}", f"{found.recommendation}{left}")
        if taken != usual:
            self.settled = settle(self.settled.dataset, replace(asked, recipe="fine_tune", backbone=taken))

    def _probe(self) -> None:
        from tlzoo.recipes.shortlist import Entry

        found = self._attempt(Entry("feature_extraction", "the fallback"), {}, None)
        self.best = ("feature_extraction", found)
        self.log.decide(
            "probe",
            f"validation loss {found.loss:.4f}, {self.log.shown} {found.shown:.4f}: what others must beat",
        )

    def _shift(self) -> Shift:
        from tlzoo.workflows.layers import layers

        asked = replace(self._request("fine_tune", {}), options={"seed": self.request.seed})
        spent = self.log.budget.spent
        if self.log.budget.left < spent:
            self.log.decide("leave the stages unprobed", f"{in_words(max(self.log.budget.left, 0))} are left")
            return "unknown"
        try:
            found = layers(self.settled.dataset, asked, most=LOOKING, progress=self.progress)
        except TlzooError as error:
            self.log.decide("leave the stages unprobed", error.what)
            return "unknown"
        shift: Shift = "far" if found.far else "near"
        self.log.decide(f"the data is {shift}", f"probes after each stage: {found.advice.split(';')[0]}")
        return shift

    def _try(self, entry: Entry) -> bool:
        """Tries a recipe if there is time, and returns whether another is worth it."""
        first = len(self._tried) == 1  # the probe
        longest = max(each.seconds for each in self._tried.values())
        if (
            not first
            and self.log.budget.left < LIKE_BEFORE * longest
            and not self._folder(entry.recipe).exists()
        ):
            left = in_words(max(self.log.budget.left, 0))
            self.log.decide(
                f"pass over {entry.recipe}", f"{left} are left, and the last took {in_words(longest)}"
            )
            return True
        try:
            found = self._fitted(entry, at_least=0.0 if first else 0.5)
            if not found.epochs:
                self.log.decide(f"pass over {entry.recipe}", found.why)
                return True
            self.log.decide(f"try {entry.recipe}", f"{entry.why}; {found.why}")
            options = {} if found.whole else {"epochs": found.epochs}
            made = self._attempt(entry, options, self.log.budget.deadline(found.reserve))
        except TlzooError as error:
            self.log.decide(f"give up {entry.recipe}", error.what)
            return True
        return self._compare(entry.recipe, made, first=first)

    def _fitted(self, entry: Entry, at_least: float) -> Fit:
        made = self._made(entry, {})
        given = "epochs" in self.request.options
        return fit(made, self.log.budget, self._folder(entry.recipe), (given, at_least), self.progress)

    def _compare(self, name: str, made: Attempt, *, first: bool) -> bool:
        assert self.best is not None  # noqa: S101 - the probe came first
        rival, before = self.best
        gain, error = made.gain_over(before) if math.isfinite(made.loss) else (-math.inf, 0.0)
        told = f"validation loss {made.loss:.4f} against {before.loss:.4f} of {rival}: gain {gain:.4f} ± {error:.4f}"
        told += ", cut short" if made.cut else ""
        # Where the validation split cannot tell, the order of the list does; what was cut short must prove itself.
        wins = gain > (-error if first and not made.cut else error)
        if wins:
            self.best = (name, made)
        self.log.decide(f"{'prefer' if wins else 'drop'} {name}", told)
        if not first and not wins:
            self.log.decide("stop", "a further recipe gains no more than noise")
            return False
        return True

    def _choose(self) -> Path:
        assert self.best is not None  # noqa: S101 - the probe came first
        name, found = self.best
        self.log.choose(name)
        for other in self._tried.values():
            if other.folder != found.folder:
                lighten(other.folder)
        return found.folder

    def _attempt(self, entry: Entry, options: Mapping[str, Any], deadline: Deadline | None) -> Attempt:
        folder = self._folder(entry.recipe)
        made, request = self._made(entry, options), self._request(entry.recipe, {**entry.options, **options})
        tell = self.progress and _named(self.progress, entry.recipe)
        found = attempt(folder, made, replace(request, out=folder), tell, deadline=deadline)
        epochs = sum(phase.epochs for phase in made.plan.phases if phase.inputs != "features")
        told = (
            f"{made.plan.backbone}, {epochs} epochs" if epochs else f"{made.plan.backbone}, cached features"
        )
        self._tried[entry.recipe] = found
        self.log.tried(entry.recipe, told, found)
        return found

    def _folder(self, recipe: str) -> Path:
        return self.run.path / "attempts" / recipe

    def _made(self, entry: Entry, options: Mapping[str, Any]) -> Prepared:
        request = self._request(entry.recipe, {**entry.options, **options})
        return Prepared(self.settled.dataset, self.settled.splits, plan_of(self.settled, request))

    def _request(self, recipe: str, options: Mapping[str, Any]) -> Request:
        """Returns the request for a recipe, with those of the user's options that it has."""
        from tlzoo.recipes.catalog import RECIPES
        from tlzoo.recipes.options import option_names

        known = option_names(RECIPES[recipe])
        mine = {name: value for name, value in self.request.options.items() if name in known}
        if recipe == "feature_extraction":
            mine = {
                name: value for name, value in mine.items() if name not in ("epochs", "rate", "batch_size")
            }
        return replace(
            self.request,
            recipe=recipe,
            backbone=self.settled.card.name,
            options={**options, **mine},
            budget=None,
        )


def begin_auto(data: Any, request: Request) -> tuple[Settled, Budget]:
    """Returns the data and the budget of a procedure that is about to start.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: What is asked for; options are those of `fine_tune`, and every recipe gets those it has.

    Raises:
        UsageError: An option or the budget is wrong.
    """
    seconds = BUDGET if request.budget is None else request.budget
    if not seconds > 0:
        raise UsageError(f"budget={seconds}.", allowed="some seconds.", do="Write --budget 10m.")
    return settle(data, replace(request, recipe="fine_tune")), Budget(seconds)


def _named(tell: Progress, name: str) -> Progress:
    return lambda done, total, text: tell(done, total, f"{name}: {text}")

"""Hyper-parameter search: trials by Optuna, judged on the validation split, resumable from its storage.

Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019, arXiv:1907.10902; the sampler
is its tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011). The first trial is the recipe as it is.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo import paths
from tlzoo.errors import RunError, UsageError
from tlzoo.progress import Progress
from tlzoo.workflows.attempts import Attempt, attempt, lighten, read_attempt
from tlzoo.workflows.budget import Budget, in_words
from tlzoo.workflows.carry import Prepared
from tlzoo.workflows.prepare import Settled, plan_of, settle
from tlzoo.workflows.request import Request
from tlzoo.workflows.study import Study, Trial, require_optuna
from tlzoo.workflows.tune_answer import Tuning

if TYPE_CHECKING:
    from tlzoo.recipes.spaces import Choice, Range
    from tlzoo.training.deadline import Deadline

log = logging.getLogger("tlzoo")

RESERVE = 0.1
"""Share of the budget, at most, that is kept for what comes after the last trial: the best one's test and report."""


@dataclass(frozen=True)
class TuneRequest:
    """What a search was asked for.

    Attributes:
        train: Backbone, recipe, seed, shares and the options that stay as they are; `out` is the search's folder.
        trials: How many, those of earlier sittings included.
        seconds: That may be spent, earlier sittings included; None for no bound.
        search: Options to search; empty for all that are worth it.
    """

    train: Request
    trials: int = 20
    seconds: float | None = None
    search: tuple[str, ...] = ()


def tune(data: Any, asked: TuneRequest, *, progress: Progress | None = None) -> Tuning:
    """Searches the options of a recipe, and finishes the best trial as a run.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        asked: What is asked for. If its folder holds this very search already, that goes on.
        progress: Told how far things are.

    Raises:
        UsageError: Nothing is left to search, or Optuna is not installed.
        RunError: The folder holds another search.
    """
    require_optuna()
    if asked.trials < 1:
        raise UsageError(f"{asked.trials} trials.", allowed="1 or more.", do="Change --trials.")
    budget = Budget(asked.seconds) if asked.seconds else Budget()
    settled = settle(data, asked.train)
    space, usual = _space(settled, asked)
    folder = asked.train.out or next_search(settled.dataset.name, asked.train.recipe)
    facts = _facts(settled, asked, space)
    budget.before = _open(folder, facts)
    search = _Search(settled, asked, folder, budget, facts, progress)
    with Study(folder / "study.jsonl", space, asked.train.seed) as study:
        search.go_on(study, usual)
    answer = search.answer
    answer.write_tensorboard(folder / "tensorboard")
    run = _finish(answer, settled, progress) if math.isfinite(answer.best.loss) else None
    search.note()
    return replace(answer, run=run, seconds=budget.spent)


@dataclass
class _Search:
    """A search while it runs.

    Attributes:
        settled: Data and backbone.
        asked: What is asked for.
        folder: Where it stands.
        budget: What may be spent.
        facts: What makes it this very search.
        progress: Told how far things are.
        done: Trials, and what came of them, in their order; the first is the recipe as it is.
    """

    settled: Settled
    asked: TuneRequest
    folder: Path
    budget: Budget
    facts: dict[str, Any]
    progress: Progress | None
    done: list[tuple[Trial, Attempt]] = field(default_factory=list)

    @property
    def answer(self) -> Tuning:
        """What is known so far."""
        return Tuning.of(self.folder, self.settled, self.asked.train.recipe, self.done)

    def go_on(self, study: Study, usual: Mapping[str, Any]) -> None:
        """Makes the trials that are asked for and not done, as long as there is time for another.

        Args:
            study: Knows what was done.
            usual: Options of the recipe as it is.
        """
        self.done = [(trial, _read(self.folder, trial)) for trial in study.finished()]
        reserve = self.budget.share(RESERVE)
        while len(self.done) < self.asked.trials:
            if self.done and self.budget.left - reserve < max(each.seconds for _, each in self.done):
                log.warning(
                    "no time for another trial after %d of %d: %s are left",
                    len(self.done),
                    self.asked.trials,
                    in_words(max(self.budget.left, 0)),
                )
                break
            trial = study.next(None if self.done else usual)
            found = self._try(trial, self.budget.deadline(reserve))
            study.tell(trial, found.loss)
            self.done.append((trial, found))
            self.note()
            _keep_the_best(self.done)

    def note(self) -> None:
        """Writes down what is known, and what it has taken."""
        told = {"asked": self.facts, "seconds": round(self.budget.spent, 2), **self.answer.to_dict()}
        paths.write_json(self.folder / "tune.json", told)

    def _try(self, trial: Trial, deadline: Deadline | None) -> Attempt:
        folder = _folder(self.folder, trial)
        options = {**self.asked.train.options, **(trial.options if self.done else {})}
        request = replace(self.asked.train, options=options, out=folder)
        made = Prepared(self.settled.dataset, self.settled.splits, plan_of(self.settled, request))
        tell = self.progress and _numbered(self.progress, len(self.done) + 1, self.asked.trials)
        return attempt(folder, made, request, tell, deadline=deadline)


def next_search(name: str, recipe: str) -> Path:
    """Returns the next free `runs/<data>-<recipe>-tune-<n>`."""
    number = 1
    while (path := Path("runs") / f"{name}-{recipe}-tune-{number}").exists():
        number += 1
    return path


def _space(settled: Settled, asked: TuneRequest) -> tuple[dict[str, Range | Choice], dict[str, Any]]:
    from tlzoo.recipes.catalog import RECIPES
    from tlzoo.recipes.spaces import space_of, usual

    recipe, fixed = RECIPES[asked.train.recipe], asked.train.options
    space = space_of(recipe, settled.card, settled.facts, fixed, asked.search)
    if not space:
        raise UsageError(
            f"nothing is left to search in {asked.train.recipe}: {', '.join(fixed) or 'no option'} given.",
            allowed="at least one option that nobody has set.",
            do="Leave a --set out.",
        )
    return space, usual(recipe, settled.card, settled.facts, space)


def _folder(folder: Path, trial: Trial) -> Path:
    return folder / "trials" / f"{trial.number:03d}"


def _read(folder: Path, trial: Trial) -> Attempt:
    found = read_attempt(_folder(folder, trial))
    if found is None:
        raise RunError(
            f"trial {trial.number} of '{folder}' is gone, and its study remembers it.",
            allowed="a folder as `tlzoo tune` left it.",
            do="Search anew, in another folder.",
        )
    return found


def _keep_the_best(done: list[tuple[Trial, Attempt]]) -> None:
    """Frees the disk of weights that nobody will ask for."""
    best = min((found for _, found in done), key=lambda found: found.loss)
    for _, found in done:
        if found is not best:
            lighten(found.folder)


def _finish(answer: Tuning, settled: Settled, progress: Progress | None) -> Any:
    from tlzoo.training.rundir import RunDir
    from tlzoo.workflows.train import resume

    RunDir(answer.best.folder).write_json("choice.json", answer.choice())
    return resume(answer.best.folder, settled.dataset, progress=progress)


def _facts(settled: Settled, asked: TuneRequest, space: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what makes a search this very search."""
    return {
        "data": settled.dataset.name,
        "fingerprint": settled.dataset.fingerprint,
        "backbone": settled.card.name,
        "recipe": asked.train.recipe,
        "options": {name: str(value) for name, value in asked.train.options.items()},
        "seed": asked.train.seed,
        "validation": asked.train.validation,
        "test": asked.train.test,
        "space": {name: {"kind": type(way).__name__, **asdict(way)} for name, way in space.items()},
    }


def _open(folder: Path, facts: dict[str, Any]) -> float:
    """Makes the folder, or finds the same search in it; returns the seconds it has taken so far."""
    path = folder / "tune.json"
    if not path.is_file():
        if folder.exists() and any(folder.iterdir()):
            raise RunError(
                f"'{folder}' is not empty, and holds no search.",
                allowed="a new folder, or one that `tlzoo tune` made.",
                do="Choose another --out.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        paths.write_json(path, {"asked": facts, "seconds": 0.0})
        return 0.0
    kept = json.loads(path.read_text(encoding="utf-8"))
    asked = json.loads(json.dumps(facts))
    if differs := [name for name in facts if kept["asked"].get(name) != asked[name]]:
        raise RunError(
            f"'{folder}' holds another search: {', '.join(differs)} differ.",
            allowed="the same data, backbone, recipe, options and seed.",
            do="Choose another --out.",
        )
    return float(kept["seconds"])


def _numbered(tell: Progress, number: int, of: int) -> Progress:
    return lambda done, total, text: tell(done, total, f"trial {number} of {of}: {text}")

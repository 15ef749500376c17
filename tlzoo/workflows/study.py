"""A search as Optuna keeps it: a journal of JSON lines on the disk, which whoever is killed finds as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tlzoo.errors import UsageError

if TYPE_CHECKING:
    from tlzoo.recipes.spaces import Choice, Range

FIRST = 6
"""Trials at random, the recipe's own among them, before the sampler goes by what it has seen."""


@dataclass(frozen=True)
class Trial:
    """One choice of options.

    Attributes:
        number: From 0, as the study counts.
        options: By name.
    """

    number: int
    options: Mapping[str, Any]


def require_optuna() -> Any:
    """Returns Optuna, which then says nothing but warnings.

    Raises:
        UsageError: It is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UsageError(
            f"Searching hyper-parameters needs Optuna, which is not installed ({error}).",
            allowed="an installation with the extra `tune`.",
            do="pip install 'tlzoo[tune]'",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Study:
    """Asks a sampler for trials and tells it what came of them; two processes never share one.

    The sampler is made anew for each trial, its seed from the search's own and the number of trials: so a search that
    was killed goes on exactly as it would have.

    Args:
        path: The journal; it is made if it is not there.
        space: What may be tried.
        seed: Of the sampler.
    """

    def __init__(self, path: Path, space: Mapping[str, Range | Choice], seed: int) -> None:
        self._path, self._space, self._seed = path, space, seed

    def __enter__(self) -> Study:
        from filelock import FileLock, Timeout

        from tlzoo.errors import RunError

        optuna = require_optuna()
        self._lock = FileLock(self._path.with_name(".lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(
                f"'{self._path.parent}' is being searched by another process.", do="Wait for it, or stop it."
            ) from error
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        self._path.with_name(f"{self._path.name}.lock").unlink(
            missing_ok=True
        )  # a killed process's; ours is `.lock`
        backend = JournalFileBackend(str(self._path), JournalFileOpenLock(str(self._path)))
        self._study = optuna.create_study(
            storage=JournalStorage(backend), study_name="tlzoo", direction="minimize", load_if_exists=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def finished(self) -> list[Trial]:
        """Returns the trials that are done, in their order."""
        from optuna.trial import TrialState

        done = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [Trial(each.number, dict(each.params)) for each in done]

    def next(self, given: Mapping[str, Any] | None = None) -> Trial:
        """Returns the trial that a killed process left, else a new one.

        Args:
            given: Its options, if the sampler is not to choose them.
        """
        from optuna.samplers import TPESampler
        from optuna.trial import TrialState

        for each in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if set(each.params) == set(self._space):
                return Trial(each.number, dict(each.params))
            self._study.tell(
                each.number, state=TrialState.FAIL
            )  # killed before all its options were written down
        count = len(self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
        self._study.sampler = TPESampler(seed=self._seed * 10_007 + count, n_startup_trials=FIRST)
        if given is not None and not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._study.enqueue_trial(dict(given))
        trial = self._study.ask(self._distributions())
        return Trial(trial.number, dict(trial.params))

    def tell(self, trial: Trial, loss: float) -> None:
        """Writes down what came of a trial.

        Args:
            trial: What `next` returned.
            loss: Its validation loss; infinite where training diverged.
        """
        self._study.tell(trial.number, loss)

    def _distributions(self) -> dict[str, Any]:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        from tlzoo.recipes.spaces import Choice

        found: dict[str, Any] = {}
        for name, way in self._space.items():
            if isinstance(way, Choice):
                found[name] = CategoricalDistribution(way.values)
            elif way.whole:
                found[name] = IntDistribution(int(way.low), int(way.high), log=way.log)
            else:
                found[name] = FloatDistribution(way.low, way.high, log=way.log)
        return found

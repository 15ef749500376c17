"""Which backbone suits this data? All at hand are scored on it, and none is trained."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo import registry
from tlzoo.errors import SourceError, UsageError
from tlzoo.progress import Progress
from tlzoo.workflows.inputs import data_words, open_dataset
from tlzoo.workflows.rank_answer import Ranking
from tlzoo.workflows.rank_scores import Candidate, Examples, Scored, remembered, score
from tlzoo.workflows.request import source_of

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard
    from tlzoo.data.dataset import Dataset
    from tlzoo.plans import TaskName

__all__ = ["RankRequest", "Ranking", "rank"]

log = logging.getLogger("tlzoo")

MOST = 2000
"""Examples that are looked at by default: beyond, ranks hardly change and the matrices grow."""

RESAMPLES = 1000
_CHUNK = 2_000_000  # indices drawn at a time, so that memory stays flat in the number of examples


@dataclass(frozen=True)
class RankRequest:
    """What a ranking was asked for.

    Attributes:
        backbones: Names of cards; empty takes those whose weights are on this machine.
        every: All backbones of the zoo that take such data, fetched where need be.
        sizes: Sides of square images in pixels, each backbone at each of them; empty takes each card's own.
        lengths: Most tokens of a text, likewise.
        seed: Of the split, the subsample and the resampling.
        validation: Share of the validation split, as for `train`.
        test: Share of the test split, as for `train`.
        most: Training examples that are looked at, 20 or more.
        engine: What computes features, as for `train`.
        task: What is learned; None takes what the data says.
        data_options: Of `load`.
        seconds: That may be spent; backbones that would take longer, by the time of those before them and by how many
            weights work on how much, are left out, but never the first.
    """

    backbones: tuple[str, ...] = ()
    every: bool = False
    sizes: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    seed: int = 0
    validation: float = 0.1
    test: float | None = None
    most: int = MOST
    engine: str = "auto"
    task: TaskName | None = None
    data_options: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None


def rank(data: Any, request: RankRequest, *, progress: Progress | None = None) -> Ranking:
    """Scores backbones on the training split of some data.

    The split is the one `train` makes with the same seed. Labels of the validation and the test split are never
    looked at, so that a test after training on the best backbone is still a test.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: What is asked for.
        progress: Told how far things are.

    Returns:
        The ranking, best first.

    Raises:
        DataError: The data cannot be learned from.
        UsageError: A name or an option is wrong, or no backbone is at hand.
        SourceError: A backbone that was named cannot be fetched.

    Example:
        >>> print(rank("photos/", RankRequest()).recommendation)  # doctest: +SKIP
    """
    if request.most < 20:
        raise UsageError(f"most={request.most}.", allowed="20 or more.", do="Leave it out.")
    named = [registry.backbones().get(name) for name in request.backbones]  # misspelt names fail first
    dataset = open_dataset(data, request.task, request.data_options)
    chosen = candidates(named, dataset, request)
    splits = dataset.split(seed=request.seed, validation=request.validation, test=request.test)
    examples = Examples(dataset, some(dataset, splits.train, request.most), request.engine)
    scored, left_out = [], {}
    clock = _Clock(request.seconds)
    for at, candidate in enumerate(chosen, start=1):
        if why := clock.refuses(candidate, examples):
            left_out[candidate.name] = why
            continue
        tell = _prefixed(progress, f"{candidate.name} ({at} of {len(chosen)})")
        try:
            scored.append(score(candidate, examples, tell))
            clock.note(scored[-1])
        except SourceError as error:
            if request.backbones:
                raise
            left_out[candidate.name] = error.what
            log.warning("%s is left out: %s", candidate.name, error.what)
    if not scored:
        raise UsageError(
            "None of the backbones can be reached.",
            allowed="1 or more.",
            do="Name one that `tlzoo list` has.",
        )
    return _ranking(scored, examples, len(splits.train), request, left_out)


class _Clock:
    """Says which backbones there is time for.

    Args:
        seconds: That may be spent; None for no bound.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds, self._start, self._last = seconds, time.monotonic(), time.monotonic()
        self._pace: float | None = None

    def refuses(self, candidate: Candidate, examples: Examples) -> str:
        """Returns why a backbone is left out; nothing if there is time for it, or its scores are remembered."""
        self._last = time.monotonic()
        if self._seconds is None or self._pace is None or remembered(candidate, examples):
            return ""
        needs, left = self._pace * _work(candidate), self._seconds - (self._last - self._start)
        return f"no time: about {needs:.0f} s, and {max(left, 0):.0f} s are left" if needs > left else ""

    def note(self, scored: Scored) -> None:
        """Learns how long a unit of work takes on this machine."""
        if not scored.remembered:
            self._pace = max(self._pace or 0.0, (time.monotonic() - self._last) / _work(scored.candidate))
        elif self._pace is None:
            self._pace = scored.seconds / 1000 * MOST / _work(scored.candidate)


def _work(candidate: Candidate) -> float:
    """Returns about how much a backbone computes of an example: weights times positions they work on."""
    positions = candidate.size[0] * candidate.size[1] if candidate.length == 0 else candidate.length
    return candidate.card.params * max(positions, 1)


def candidates(named: list[BackboneCard], dataset: Dataset, request: RankRequest) -> list[Candidate]:
    """Returns what is to be scored: each backbone at each size, smallest first unless they were named.

    Args:
        named: Cards of the backbones that were asked for.
        dataset: What they are to be scored on.
        request: The rest of what was asked for.

    Raises:
        UsageError: One takes other data, or not this size; or there is none.
    """
    from tlzoo.workflows import zoo

    _refuse_other_views(dataset, request)
    if named:
        for card in named:
            _refuse_other_modality(card, dataset)
        return [each for card in named for each in _views(card, request)]
    entries = zoo.backbones(zoo.Filter(modality=dataset.modality, offline=not request.every))
    found: list[Candidate] = []
    for entry in entries:
        try:
            found += _views(registry.backbones().get(entry.card.name), request)
        except UsageError as error:
            log.warning("%s is left out: %s", entry.card.name, error.what)
    if not found:
        raise UsageError(
            f"No backbone for {dataset.modality}s is at hand.",
            allowed="weights on this machine (`tlzoo list --offline`).",
            do="`tlzoo fetch NAME`, or name backbones with --backbones, or --all.",
        )
    return found


def some(dataset: Dataset, rows: np.ndarray, most: int) -> np.ndarray:
    """Returns up to `most` of some items, as many of each class as its share, whatever order the items are in.

    Args:
        dataset: Whose items they are.
        rows: Their indices, int (n,).
        most: How many to keep, about: no class loses all its examples.
    """
    from tlzoo.data.strata import strata

    if len(rows) <= most:
        return rows
    groups = strata(dataset.labels[rows])
    kept: list[int] = []
    for group in np.unique(groups):
        members = sorted(rows[groups == group].tolist(), key=lambda row: (dataset.digests[row], row))
        kept += members[: max(2, round(most * len(members) / len(rows)))]
    return np.array(sorted(kept), np.int64)


def resampled(scored: list[Scored], examples: Examples, rows: np.ndarray, seed: int) -> np.ndarray:
    """Returns every backbone's probe score on the same resamples of the examples, (r, m).

    Args:
        scored: The m backbones.
        examples: What they were scored on.
        rows: Those of the examples that all of them could be scored on.
        seed: Of the resampling.
    """
    statistics = [examples.statistic(each.outputs, rows) for each in scored]
    random = np.random.default_rng(seed)
    step = max(1, _CHUNK // len(rows))
    parts = []
    for at in range(0, RESAMPLES, step):
        drawn = random.integers(0, len(rows), (min(step, RESAMPLES - at), len(rows)))
        parts.append(np.stack([each(drawn) for each in statistics], axis=1))
    return np.concatenate(parts)


def _ranking(
    scored: list[Scored], examples: Examples, train: int, request: RankRequest, left_out: dict[str, str]
) -> Ranking:
    from tlzoo.scores.ranking import places

    rows = np.flatnonzero(np.all([np.isfinite(each.outputs[:, 0]) for each in scored], axis=0))
    probes = np.array([each.scores["probe"] for each in scored], np.float64)
    logmes = np.array([each.scores["logme"] for each in scored], np.float64)
    found = places(probes, logmes, resampled(scored, examples, rows, request.seed))
    return Ranking(
        data=examples.dataset.name,
        source=source_of(examples.dataset),
        reading=shlex.join(data_words(examples.dataset.options)),
        task=examples.dataset.task,
        modality=examples.dataset.modality,
        examples=len(rows),
        train=train,
        seed=request.seed,
        baseline=examples.baseline(),
        rows=tuple((place, scored[place.index]) for place in found),
        left_out=left_out,
    )


def _views(card: BackboneCard, request: RankRequest) -> list[Candidate]:
    from tlzoo.recipes.modality import seen

    options: list[dict[str, Any]] = [{"size": (side, side)} for side in request.sizes]
    options += [{"length": length} for length in request.lengths if card.input.length]
    found = []
    for option in options or [{}]:
        size = option.get("size")
        if size and (min(size) < card.input.min_size or (card.input.fixed and size != card.input.size)):
            raise UsageError(
                f"{card.name} cannot be built for {size} pixels.",
                allowed=f"{card.input.size if card.input.fixed else card.input.min_size} pixels"
                + ("." if card.input.fixed else " or more a side."),
                do="Change --size.",
            )
        view = seen(
            card, **{"size": None, "resize": "stretch", "length": None, "long_text": "head", **option}
        )
        name = card.name if not option else f"{card.name}@{size[0] if size else option['length']}"
        found.append(Candidate(name, card, view.get("size", (0, 0)), view.get("length", 0)))
    return found


def _refuse_other_views(dataset: Dataset, request: RankRequest) -> None:
    wrong = "size" if dataset.modality == "text" and request.sizes else ""
    wrong = "length" if dataset.modality == "image" and request.lengths else wrong
    if wrong:
        raise UsageError(
            f"'{dataset.name}' holds {dataset.modality}s; {wrong} says nothing about those.",
            do=f"Leave --{wrong} out.",
        )


def _refuse_other_modality(card: BackboneCard, dataset: Dataset) -> None:
    if card.modality != dataset.modality:
        raise UsageError(
            f"backbone '{card.name}' takes {card.modality}s, and '{dataset.name}' holds {dataset.modality}s.",
            allowed=f"backbones that `tlzoo list --modality {dataset.modality}` shows.",
            do="Leave it out.",
        )


def _prefixed(tell: Progress | None, name: str) -> Progress | None:
    return tell and (lambda done, total, text: tell(done, total, f"{name}: {text}"))

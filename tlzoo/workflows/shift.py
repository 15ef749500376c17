"""How far apart two data sets lie, before anything is trained on one for the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tlzoo.adaptation.distances import Distances, distances
from tlzoo.adaptation.heads import fit
from tlzoo.adaptation.label_shift import bbse
from tlzoo.adaptation.maps import none
from tlzoo.progress import Progress
from tlzoo.workflows.domains import Pair, Sight, load_pair

CLEAR, FAR = 0.5, 1.2
"""A-distances above that of two halves of one data set from which on a shift is clear, and far."""

_STRENGTH = 1e-3
_ADVICE = {
    "near": "A linear classifier can hardly tell them apart: a model trained on one should hold on the other.",
    "shifted": "A linear classifier tells them apart more often than not: check a model on labels of the second.",
    "far": "A linear classifier tells nearly every example's data set: do not expect a model of one to hold on the "
    "other.",
}


@dataclass(frozen=True)
class Shift:
    """How far apart two data sets lie in the features of a backbone.

    Attributes:
        first: What people call the first.
        second: And the second.
        backbone: Name of the card.
        between: Distances from the first to the second, features standardised by the first.
        within: Those between two halves of the first: what no shift looks like at this size.
        verdict: `near`, `shifted` or `far`.
        shares: Shares of the classes in the first, estimated for the second (`bbse`), and there if they are known.
    """

    first: str
    second: str
    backbone: str
    between: Distances
    within: Distances
    verdict: str
    shares: Mapping[str, Mapping[str, float]]

    @property
    def advice(self) -> str:
        """What to make of it."""
        more = (
            ""
            if self.verdict == "near"
            else f" Adapt: tlzoo adapt --source {self.first} --target {self.second}"
        )
        return _ADVICE[self.verdict] + more

    def to_dict(self) -> dict[str, Any]:
        """Returns what `tlzoo shift --json` prints."""
        return {
            **asdict(self),
            "shares": {key: dict(each) for key, each in self.shares.items()},
            "advice": self.advice,
        }


def shift(
    first: Any,
    second: Any,
    *,
    backbone: str | None = None,
    seed: int = 0,
    target_labels: str = "score",
    engine: str = "auto",
    progress: Progress | None = None,
    **options: Any,
) -> Shift:
    """Measures how far a data set lies from another.

    Args:
        first: Anything `tlzoo.load` takes, of classes.
        second: Likewise; without labels (`target_labels="none"`) also a folder of images or a table of texts.
        backbone: Whose features are compared; by default the usual one for the data.
        seed: Of halves, folds and samples.
        target_labels: `score` counts the second's labels beside what is estimated; `none` looks at none.
        engine: What computes features.
        progress: Told how far it is.
        **options: How both are read; see `tlzoo.data.load.load`.

    Raises:
        DataError: One is too small, or both do not go together.

    Example:
        >>> shift("elpv:mono", "elpv:poly").verdict  # doctest: +SKIP
        'far'
    """
    from threadpoolctl import threadpool_limits

    from tlzoo.workflows.adapt import AdaptRequest
    from tlzoo.workflows.adapt_plan import backbone_of, plan_of

    pair = load_pair(first, second, target_labels, options, progress)  # type: ignore[arg-type]
    plan = plan_of(pair, AdaptRequest(backbone=backbone, seed=seed, engine=engine))
    sight = Sight(backbone_of(plan), pair, plan.resize, engine, progress)
    one, other = sight.features("plain")
    with threadpool_limits(limits=1):
        map_ = none(one, other).source
        mine, theirs = map_(one), map_(other)
        order = np.random.default_rng(seed).permutation(len(mine))
        within = distances(mine[order[::2]], mine[order[1::2]], seed)
        between = distances(mine, theirs, seed)
        shares = _shares(sight.pair, mine, theirs, seed)
    excess = between.a_distance - within.a_distance
    verdict = "far" if excess >= FAR else "shifted" if excess >= CLEAR else "near"
    return Shift(*pair.titles, plan.backbone, between, within, verdict, shares)


def _shares(pair: Pair, one: np.ndarray, other: np.ndarray, seed: int) -> dict[str, dict[str, float]]:
    names, labels = pair.source.class_names, pair.source.labels
    order = np.random.default_rng(seed).permutation(len(labels))
    known, held = order[::2], order[1::2]
    found = {"first": np.bincount(labels, minlength=len(names)) / len(labels)}
    if len(np.unique(labels[held])) == len(names) == len(np.unique(labels[known])):
        head = fit(one[known], labels[known], len(names), _STRENGTH)
        found["bbse"] = bbse(head.probabilities(one[held]), labels[held], head.probabilities(other))
    if pair.labelled:
        from tlzoo.data.join import places

        truth = places(pair.source, pair.target)[pair.target.labels]
        found["second"] = np.bincount(truth, minlength=len(names)) / len(truth)
    return {key: dict(zip(names, each.tolist(), strict=True)) for key, each in found.items()}

"""Ways to adapt: which features, brought together how, with a head learned how, under which penalty."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tlzoo.adaptation import heads, maps
from tlzoo.adaptation.choice import Adapted
from tlzoo.adaptation.heads import Linear
from tlzoo.adaptation.maps import Alignment
from tlzoo.errors import UsageError, unknown_name

FEATURES = ("plain", "adabn")
ALIGNMENTS: dict[str, Callable[..., Alignment]] = {
    "none": maps.none,
    "standardise": maps.standardise,
    "coral": maps.coral,
}
LEARNED = {"mmd": "mmd", "deep_coral": "coral", "dann": "dann", "cdan": "cdan", "mcc": "mcc"}
"""Objectives of `alignment.learner`, by the name users type."""

END_TO_END = {"self_training": "self_training", **LEARNED}
"""Objectives of `alignment.network`, likewise."""

METHODS = ("adabn", "standardise", "coral", "self_training", *LEARNED)
USUAL = ("adabn", "standardise", "coral", "self_training")
"""Those that are tried unless others are named: closed forms and logistic regressions, seconds each."""

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2)
"""Of the examples against the penalty; the way from nearest means to memorising the source."""
_LEARNED_STRENGTHS = (1e-4, 1e-3)


@dataclass(frozen=True)
class Way:
    """One way to adapt.

    Attributes:
        features: `plain`; `adabn`: of a network with each domain's own BatchNormalization statistics; or
            `end_to_end` and an objective: of one that has learned from both domains.
        align: `none`, `standardise` or `coral`.
        learn: `source` (a logistic regression), `self_training`, or an objective of `LEARNED`.
        strength: Of the examples against the penalty.
    """

    features: str
    align: str
    learn: str
    strength: float

    @property
    def name(self) -> str:
        """What reports call it, but for the penalty: `adabn + coral + self_training`; `source only` for none of it."""
        parts = [self.features, self.align, self.learn]
        return " + ".join(part for part in parts if part not in ("plain", "none", "source")) or "source only"


def ways(methods: Sequence[str], *, adabn: bool) -> list[Way]:
    """Returns all ways that some methods make together; learning from the source alone is always among them.

    Args:
        methods: Some of `METHODS`.
        adabn: Whether the network has statistics that can be estimated anew.

    Raises:
        UnknownNameError: There is no such method.
        UsageError: AdaBN alone is asked for, and the network has no BatchNormalization.
    """
    for name in methods:
        if name not in METHODS:
            raise unknown_name("method of adaptation", name, METHODS)
    if list(methods) == ["adabn"] and not adabn:
        raise UsageError(
            "method 'adabn' for a network without BatchNormalization.",
            allowed=", ".join(each for each in METHODS if each != "adabn"),
            do="Name another method, or another backbone.",
        )
    features = FEATURES if adabn and "adabn" in methods else ("plain",)
    aligns = [name for name in ALIGNMENTS if name == "none" or name in methods]
    learns = ["source", *(name for name in ("self_training",) if name in methods)]
    found = [Way(*each) for each in itertools.product(features, aligns, learns, STRENGTHS)]
    learned = [name for name in LEARNED if name in methods]
    # They begin where means and deviations agree: what is left to learn is what closed forms cannot do.
    return found + [
        Way(*each) for each in itertools.product(features, ["standardise"], learned, _LEARNED_STRENGTHS)
    ]


def check_end_to_end(objectives: Sequence[str], *, adabn: bool) -> None:
    """Refuses what no network can be tuned by.

    Args:
        objectives: Some of `END_TO_END`.
        adabn: Whether the network has statistics that can be estimated anew; without them domains would share them.

    Raises:
        UnknownNameError: There is no such objective.
        UsageError: The network cannot be tuned on two domains.
    """
    for name in objectives:
        if name not in END_TO_END:
            raise unknown_name("objective end to end", name, END_TO_END)
    if objectives and not adabn:
        raise UsageError(
            "adaptation end to end for a network without BatchNormalization, or of texts.",
            allowed="networks of images with BatchNormalization.",
            do="Leave --end-to-end out, or name another backbone.",
        )


def end_to_end(objective: str) -> Way:
    """Returns the way of a network that was tuned by an objective of `END_TO_END`."""
    return Way(f"end_to_end {objective}", "none", "source", 0.0)


@dataclass
class Learners:
    """Makes learners of ways; an alignment of the same features is computed once.

    Attributes:
        classes: How many there are.
        seed: Of what is random.
    """

    classes: int
    seed: int = 0
    _known: dict[tuple[str, int, int], tuple[Any, ...]] = field(default_factory=dict)

    def learner(self, way: Way) -> Callable[[np.ndarray, np.ndarray, np.ndarray], Adapted]:
        """Returns what turns labelled source and unlabelled target features into a head for each."""

        def learn(source: np.ndarray, labels: np.ndarray, target: np.ndarray) -> Adapted:
            alignment, first, second = self._aligned(way.align, source, target)
            head = self._head(way, first, labels, second)
            return Adapted(
                Linear(*alignment.source.before(head.kernel, head.bias)),
                Linear(*alignment.target.before(head.kernel, head.bias)),
            )

        return learn

    def aligned(self, way: Way, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns both domains' features float32 in the space a way brings them into."""
        _, first, second = self._aligned(way.align, source, target)
        return first, second

    def _aligned(
        self, name: str, source: np.ndarray, target: np.ndarray
    ) -> tuple[Alignment, np.ndarray, np.ndarray]:
        key = (name, id(source), id(target))
        if key not in self._known:
            found = ALIGNMENTS[name](source, target)
            moved = (each.astype(np.float32) for each in (found.source(source), found.target(target)))
            # The arrays are held as well, so that no other gets their id.
            self._known[key] = (found, *moved, source, target)
        alignment, first, second, *_ = self._known[key]
        return alignment, first, second

    def _head(self, way: Way, source: np.ndarray, labels: np.ndarray, target: np.ndarray) -> Linear:
        if way.learn == "source":
            return heads.fit(source, labels, self.classes, way.strength)
        if way.learn == "self_training":
            return heads.self_train(source, labels, target, self.classes, way.strength)
        from tlzoo.alignment.learner import Learning, learn

        how = Learning(LEARNED[way.learn], strength=way.strength, seed=self.seed)  # type: ignore[arg-type]
        kernel, bias = learn(source, labels, target, self.classes, how)
        return Linear(kernel.astype(np.float64), bias.astype(np.float64))

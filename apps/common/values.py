"""The values that apps hand around: what a model is, what it says, why, and whether it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tlzoo.client import Prediction

Modality = Literal["image", "text"]
Tell = Callable[[int, int | None, str], None]
"""Told how far work is: how much is done, of how much, and what; raises where the work is to stop."""


SILENT = "This model does not tell whether something is foreign to it."
"""Said of a model that cannot."""


def untold(done: int, total: int | None, what: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class About:
    """What is known of a model.

    Attributes:
        title: What people call it.
        where: Where its answers come from, in words.
        task: `classification`, `multilabel` or `regression`.
        modality: What it takes.
        class_names: In label order; empty where nobody said them yet.
        backbone: Title of the network it stands on; empty where nobody said.
        licence: Of that network's weights.
        trained_on: Its training data, in words.
        scores: Of the test split, by name, as `accuracy`.
        ood_threshold: From where on `ood_score` says foreign; None where it does not tell.
        unwarned: Why it does not tell, as a sentence below its answers; empty where it does, or none is wanted.
        coverage: Share of prediction sets that hold the right class; None where there are no sets.
        floors: Probability from which on a class is in the set: one, or one per class.
        limits: What is to be kept in mind, a sentence each.
    """

    title: str
    where: str
    task: str
    modality: Modality
    class_names: tuple[str, ...] = ()
    backbone: str = ""
    licence: str = ""
    trained_on: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    ood_threshold: float | None = None
    unwarned: str = ""
    coverage: float | None = None
    floors: tuple[float, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a model says of one item, and how far to trust it.

    Attributes:
        said: The prediction; `said.error` where the item could not be read.
        likely: Classes that cannot be ruled out (the prediction set); None where there are no sets.
        foreign: Whether the item is unlike those of training; None where the model does not tell.
    """

    said: Prediction
    likely: tuple[str, ...] | None = None
    foreign: bool | None = None


@dataclass(frozen=True)
class Reason:
    """Why a model says what it says.

    Attributes:
        label: The class that was looked at.
        picture: A picture under a heat map, uint8 (h, w, 3); None for texts.
        words: Stretches of a text and how they pushed, -1..1; empty for pictures.
        method: How it was found out, in words.
    """

    label: str
    method: str
    picture: np.ndarray | None = None
    words: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True)
class Condition:
    """Whether a model can be asked.

    Attributes:
        ok: True if it can.
        words: A sentence for people: what it is, or what to do about it.
    """

    ok: bool
    words: str


def judged(about: About, said: Prediction) -> Answer:
    """Adds the prediction set and the verdict on foreignness, where the model has them."""
    likely = None
    if about.floors and said.error is None and said.probabilities:
        floors = about.floors if len(about.floors) > 1 else about.floors * len(about.class_names)
        by_class = dict(zip(about.class_names, floors, strict=True))
        ranked = sorted(said.probabilities.items(), key=lambda pair: -pair[1])
        likely = tuple(name for name, share in ranked if share >= by_class.get(name, 2.0))
    told = about.ood_threshold is not None and said.ood_score is not None
    return Answer(said, likely, said.ood_score > about.ood_threshold if told else None)  # type: ignore[operator]


def backbone_facts(card: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of `About` that a backbone card tells."""
    return {"backbone": str(card.get("title", "")), "licence": str(card.get("licence", ""))}

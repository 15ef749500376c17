"""What is worth searching in a recipe's options, and how far: ranges around the recipe's own defaults.

Ranges follow the sweeps of the papers the recipes cite, and no recipe is searched in what it does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tlzoo.cards import BackboneCard
from tlzoo.errors import unknown_name
from tlzoo.plans import Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.fine_tune import usual_top
from tlzoo.recipes.options import defaults


@dataclass(frozen=True)
class Range:
    """Numbers between two ends.

    Attributes:
        low: The least.
        high: The largest.
        log: Whether ratios count rather than differences.
        whole: Whether only whole numbers do.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
        values: In the order they are told.
    """

    values: tuple[Any, ...]


Space = Mapping[str, Range | Choice]
"""What may be tried for each option."""


@dataclass(frozen=True)
class _Around:
    """A range around a default.

    Attributes:
        factor: Its ends are the default divided by it and multiplied with it.
    """

    factor: float


_SPACE: Mapping[str, Range | Choice | _Around] = {
    "rate": _Around(10),
    "rate_ratio": Range(0.03, 1.0, log=True),
    "factor": Range(1.2, 4.0),
    "weight_decay": Range(1e-4, 0.3, log=True),
    "label_smoothing": Range(0.0, 0.2),
    "dropout": Range(0.0, 0.5),
    "crop": Range(0.5, 1.0),
    "mixup": Range(0.0, 0.4),
    "strength": _Around(30),
    "rank": Choice((2, 4, 8, 16, 32)),
    "share": Range(0.2, 0.8),
    "confidence": Range(0.7, 0.99),
    "batch_size": Choice((16, 32, 64)),
    "top": Range(1, 1, whole=True),
}

_IMAGES_ONLY = {"crop", "mixup"}
_CLASSES_ONLY = {"label_smoothing"}


def space_of(
    recipe: Callable[..., Plan],
    card: BackboneCard,
    facts: Facts,
    fixed: Iterable[str] = (),
    only: Iterable[str] = (),
) -> dict[str, Range | Choice]:
    """Returns what may be tried for the options of a recipe.

    Options whose default lies outside of what is worth trying are left alone: the recipe means it (no decay beside a
    penalty, no factor where there is one rate).

    Args:
        recipe: The recipe.
        card: The backbone: how many stages it has, and what it takes.
        facts: The data.
        fixed: Options that somebody has set.
        only: Options that are to be searched; empty for all that are worth it.

    Raises:
        UnknownNameError: `only` names an option that is not searched in this recipe.
    """
    found: dict[str, Range | Choice] = {}
    still = all(
        phase.inputs == "features" for phase in recipe(card, facts).phases
    )  # cached features do not change
    for name, value in _defaults(recipe, card, facts).items():
        if name not in _SPACE or not _meant(name, card, facts) or (name in _IMAGES_ONLY and still):
            continue
        way = _SPACE[name]
        if isinstance(way, _Around):
            way = Range(value / way.factor, value * way.factor, log=True)
        if name == "top":
            way = Range(1, len(card.stages), whole=True)
        if _holds(way, value):
            found[name] = way
    for name in only:
        if name not in found:
            raise unknown_name(f"option to search in recipe '{recipe.__name__}'", name, found)
    free = (set(only) or found.keys()) - set(fixed)
    return {name: way for name, way in found.items() if name in free}


def _rate(recipe: Callable[..., Plan], card: BackboneCard, facts: Facts) -> float:
    """Returns the highest rate by which the recipe, left to itself, trains the backbone, or the head if it does not."""
    phases = recipe(card, facts).phases
    running = [phase for phase in phases if phase.inputs != "features"] or phases
    return max(max(phase.rates.values()) for phase in running)


def usual(recipe: Callable[..., Plan], card: BackboneCard, facts: Facts, space: Space) -> dict[str, Any]:
    """Returns what the recipe takes by itself for the options of its space.

    Args:
        recipe: The recipe.
        card: The backbone.
        facts: The data.
        space: What `space_of` returned.
    """
    known = _defaults(recipe, card, facts)
    return {name: known[name] for name in space}


def _defaults(recipe: Callable[..., Plan], card: BackboneCard, facts: Facts) -> dict[str, Any]:
    """Returns the defaults that are numbers, those that depend on backbone and data worked out."""
    known = defaults(recipe)
    if "rate" in known:
        known["rate"] = _rate(recipe, card, facts)
    if "top" in known:
        known["top"] = usual_top(card) if known["top"] is None else known["top"] or len(card.stages)
    return {
        name: value for name, value in known.items() if isinstance(value, int | float) and value is not False
    }


def _meant(name: str, card: BackboneCard, facts: Facts) -> bool:
    if name in _IMAGES_ONLY and card.modality == "text":
        return False
    return not (name in _CLASSES_ONLY and facts.task == "regression")


def _holds(way: Range | Choice, value: Any) -> bool:
    if isinstance(way, Choice):
        return value in way.values
    return bool(way.low <= value <= way.high)

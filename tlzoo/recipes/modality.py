"""What the options of a recipe mean for images and for texts, and which go with neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tlzoo.cards import BackboneCard
from tlzoo.errors import UsageError
from tlzoo.plans import Augment, LongText, Resize
from tlzoo.recipes.facts import Facts, Symmetry
from tlzoo.recipes.options import turns

DEFAULT_LENGTH = 256
"""Tokens that are looked at by default where the network could see more: twice as many cost twice as much."""


def seen(
    card: BackboneCard,
    *,
    size: tuple[int, int] | None,
    resize: Resize,
    length: int | None,
    long_text: LongText,
) -> dict[str, Any]:
    """Returns the fields of a plan that say what of an example is looked at.

    Args:
        card: The backbone.
        size: Height and width of images in pixels; None takes the card's.
        resize: How images get that size.
        length: Most tokens of a text; None takes the card's, at most `DEFAULT_LENGTH`.
        long_text: What becomes of longer texts.

    Raises:
        UsageError: An option of images was given for texts, or the other way round; or the network sees less.
    """
    if card.modality == "image":
        _refuse(card, {"length": length is not None, "long_text": long_text != "head"})
        return {"size": size or card.input.size, "resize": resize}
    _refuse(card, {"size": size is not None, "resize": resize != "stretch"})
    if not card.input.length:
        _refuse(card, {"length": length is not None, "long_text": long_text != "head"}, "whole texts")
        return {}
    length = min(card.input.length, DEFAULT_LENGTH) if length is None else length
    if not 0 < length <= card.input.length:
        raise UsageError(
            f"length={length}: {card.name} sees {card.input.length} tokens.",
            allowed=f"1 to {card.input.length}.",
            do="Lower it; long_text=chunks looks at all of a longer text.",
        )
    return {"length": length, "long_text": long_text}


def augmented(card: BackboneCard, facts: Facts, symmetry: Symmetry | None, **changes: float) -> Augment:
    """Returns how training examples may change; texts stay as they are.

    Args:
        card: The backbone.
        facts: Say what leaves a label alone, unless `symmetry` does.
        symmetry: Mirrorings and turns; None takes what the data says.
        **changes: Fields of `Augment` beside those.

    Raises:
        UsageError: A change of images was asked of texts.
    """
    if card.modality == "image":
        return Augment(**turns(symmetry or facts.symmetry), **changes)
    still = Augment()
    asked = {name: value != getattr(still, name) for name, value in changes.items()}
    _refuse(card, {"symmetry": symmetry not in (None, "none"), **asked})
    return Augment(flip="none")


def eaten(card: BackboneCard) -> Literal["pixels", "tokens"]:
    """Returns what a phase that runs the backbone feeds it."""
    return "pixels" if card.modality == "image" else "tokens"


def _refuse(card: BackboneCard, given: Mapping[str, bool], takes: str = "") -> None:
    if wrong := [name for name, is_set in given.items() if is_set]:
        takes = takes or {"image": "images", "text": "texts"}[card.modality]
        raise UsageError(
            f"{card.name} takes {takes}; {', '.join(wrong)} says nothing about those.",
            do=f"Leave out {', '.join(wrong)}.",
        )

"""What plans of several recipes are made of: a probe, a phase that tunes stages, and the plan around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tlzoo.cards import BackboneCard
from tlzoo.errors import UsageError
from tlzoo.plans import Phase, Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.fine_tune import RATES, kept
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.modality import augmented, eaten, seen
from tlzoo.recipes.options import L2_GRID, head_batch, ladder


def probe(facts: Facts, epochs: int = 30) -> Phase:
    """Returns the phase that fits a linear head to cached features, its penalty chosen by cross-validation.

    Args:
        facts: The data.
        epochs: Passes over the features.
    """
    return Phase(
        name="head",
        inputs="features",
        trains=("head",),
        rates={"head": 1e-3},
        epochs=epochs,
        batch_size=head_batch(facts.train),
        l2=L2_GRID,
        warmup=0.0,
    )


def tuning(
    card: BackboneCard,
    facts: Facts,
    rates: Mapping[str, float],
    steps: Steps,
    changes: Changes,
    **fields: Any,
) -> Phase:
    """Returns a phase that trains stages of the backbone, and the head, on what the backbone eats.

    Args:
        card: The backbone.
        facts: The data.
        rates: Peak rate of each part that trains, stem first.
        steps: How steps are taken.
        changes: How images change.
        fields: Of `Phase`, `epochs` among them; `name` is `tune` unless said.
    """
    return Phase(
        **{
            "name": "tune",
            "inputs": eaten(card),
            "trains": tuple(rates),
            "rates": dict(rates),
            **asdict(steps),
            "keep": steps.keep or kept(card, facts, steps.patience, steps.schedule),
            "augment": augmented(card, facts, **asdict(changes)),
            **fields,
        }
    )


def whole(recipe: str, card: BackboneCard, facts: Facts, phases: tuple[Phase, ...], frame: Frame) -> Plan:
    """Returns the plan.

    Args:
        recipe: Its name.
        card: The backbone.
        facts: The device among them: half precision where it gains.
        phases: In order.
        frame: Options of the plan as a whole.
    """
    given = asdict(frame)
    look = {name: given.pop(name) for name in ("size", "resize", "length", "long_text")}
    precision = "mixed_float16" if facts.gpu else "float32"
    return Plan(
        recipe=recipe,
        backbone=card.name,
        **seen(card, **look),
        phases=phases,
        precision=precision,
        **given,
    )


def upper_stages(card: BackboneCard, top: int) -> tuple[str, ...]:
    """Returns the names of the upper stages, stem first.

    Args:
        card: The backbone.
        top: How many, counted from the top; 0 for all.

    Raises:
        UsageError: There are not so many.
    """
    names = tuple(stage.name for stage in card.stages)
    if not 0 <= top <= len(names):
        raise UsageError(
            f"top={top}: {card.name} has {len(names)} stages.", allowed=f"0 (all) to {len(names)}."
        )
    return names[-top:] if top else names


def stages_and_head(card: BackboneCard, top: int, rate: float | None) -> dict[str, float]:
    """Returns rates as `fine_tune` sets them: of the upper stages, falling towards the stem, and of the head.

    Args:
        card: The backbone.
        top: How many stages train, counted from the top; 0 for all.
        rate: Of the head and the top stage; None takes that of `fine_tune`.
    """
    rate = RATES[card.modality] if rate is None else rate
    return {**ladder(upper_stages(card, top), rate, 0.3), "head": rate}


def falling(names: tuple[str, ...], top: float, factor: float) -> dict[str, float]:
    """Returns a rate for each stage, each a fixed factor below that of the next.

    Args:
        names: Stages, stem first.
        top: Rate of the last one.
        factor: By how much the rate falls from stage to stage; 1 or more.

    Example:
        >>> falling(("stem", "top"), 0.26, 2.6)
        {'stem': 0.1, 'top': 0.26}
    """
    if factor < 1:
        raise UsageError(f"factor={factor}: rates would rise towards the stem.", allowed="1 or more.")
    steps = range(len(names) - 1, -1, -1)
    return {name: float(f"{top / factor**below:.6g}") for name, below in zip(names, steps, strict=True)}


def refuse_texts(recipe: str, card: BackboneCard, why: str) -> None:
    """Raises `UsageError` if the backbone takes texts.

    Args:
        recipe: Its name.
        card: The backbone.
        why: What the recipe needs that text networks lack.
    """
    if card.modality == "text":
        raise UsageError(
            f"{recipe} for {card.name}, which takes texts: {why}.",
            allowed="backbones that `tlzoo list --modality image` shows.",
            do="Use fine_tune.",
        )

"""What a transferred model is measured against, and what is worth trying where it loses: options, nothing trained.

Baselines see what the run saw: images of the same size, texts of the same length, the same random changes, batches and
class weights, so that the pretrained weights are all that differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tlzoo.cards import BackboneCard
from tlzoo.plans import Augment, Phase, Plan
from tlzoo.recipes.facts import Facts, Symmetry
from tlzoo.recipes.shortlist import FEW, examples_a_class

SCRATCH_RATES = (1.0, 0.25)
"""Shares of the rate of `scratch` that are tried: small transformers diverge at what suits convolutions."""


@dataclass(frozen=True)
class Mitigation:
    """What may help where transfer did not.

    Attributes:
        name: Short.
        why: What was seen that speaks for it.
        backbone: Name of the card.
        recipe: Name of the recipe.
        options: That differ from its defaults.
    """

    name: str
    why: str
    backbone: str
    recipe: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What a verdict has measured.

    Attributes:
        gain: Of the run over scratch.
        probe: Of a linear head on frozen features over scratch; None if that is the run itself, or was not measured.
        others: Backbones at hand that take the same inputs.
    """

    gain: float
    probe: float | None = None
    others: tuple[str, ...] = ()


def scratch_options(plan: Plan, card: BackboneCard) -> dict[str, Any]:
    """Returns the options with which `scratch` sees what a run saw; epochs and rate are not among them.

    Args:
        plan: Of the run.
        card: Its backbone.

    Example:
        >>> scratch_options(plan, card)  # doctest: +SKIP
        {'size': (64, 64), 'class_weights': 'sqrt', 'batch_size': 32, 'symmetry': 'dihedral'}
    """
    tuned = last_tuning(plan)
    options = _seen(plan, card) | ({"batch_size": tuned.batch_size} if tuned else {})
    if tuned and card.modality == "image":
        changes = ("crop", "brightness", "contrast", "mixup")
        still, augment = Augment(), tuned.augment
        options["symmetry"] = _symmetry(augment)
        options |= {
            name: getattr(augment, name) for name in changes if getattr(augment, name) != getattr(still, name)
        }
    return options


def probe_options(plan: Plan, card: BackboneCard) -> dict[str, Any]:
    """Returns the options with which `feature_extraction` sees what a run saw.

    Args:
        plan: Of the run.
        card: Its backbone.
    """
    return _seen(plan, card)


def last_tuning(plan: Plan) -> Phase | None:
    """Returns the last phase that runs the backbone on labelled examples; None if it stays frozen."""
    tunes = [phase for phase in plan.phases if phase.inputs in ("pixels", "tokens")]
    return tunes[-1] if tunes else None


def mitigations(plan: Plan, card: BackboneCard, facts: Facts, seen: Seen) -> tuple[Mitigation, ...]:
    """Returns what is worth trying where transfer gained nothing, the likeliest to help first.

    Args:
        plan: Of the run.
        card: Its backbone.
        facts: The data.
        seen: What was measured.
    """
    look, found = _seen(plan, card), []
    moved = {stage for phase in plan.phases for stage in phase.trains} - {"head"}

    def add(name: str, why: str, recipe: str, backbone: str = plan.backbone, **options: Any) -> None:
        if (recipe, backbone) != (plan.recipe, plan.backbone) or options:
            found.append(Mitigation(name, why, backbone, recipe, {**look, **options}))

    if not moved:
        why = "the features stayed frozen: they may miss what matters here, and tuning can find it"
        add("fine_tune", why, "fine_tune")
        add(
            "an earlier cut",
            "all stages may move where even the lowest were made for other data",
            "fine_tune",
            top=0,
        )
    elif len(moved) < len(card.stages):
        why = f"{len(card.stages) - len(moved)} of {len(card.stages)} stages stayed frozen"
        add("an earlier cut", why, "fine_tune", top=0)
    if moved and seen.probe is not None and seen.probe > seen.gain:
        why = f"a head on frozen features gains {100 * (seen.probe - seen.gain):.1f} points more: tuning destroys them"
        add("frozen features", why, "feature_extraction")
    few = examples_a_class(facts)
    if not any(phase.penalty for phase in plan.phases):
        told = f"{few:.0f} examples a class" + (", which are few" if few < FEW else "")
        add("L2-SP", f"{told}: held near the pretrained weights", "l2_sp")
        add("BSS", "the weakest directions of the features may carry what does not transfer", "bss")
    if seen.others:
        why = "other pretraining, other features; `tlzoo rank` scores all that are at hand"
        recipe = plan.recipe if plan.recipe in ("fine_tune", "feature_extraction") else "fine_tune"
        add("another backbone", why, recipe, seen.others[0])
    return tuple(found)


def _seen(plan: Plan, card: BackboneCard) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if card.modality == "image":
        options["size"] = tuple(plan.size)
        options |= {"resize": plan.resize} if plan.resize != "stretch" else {}
    elif plan.length:
        options["length"] = plan.length
        options |= {"long_text": plan.long_text} if plan.long_text != "head" else {}
    return options | ({"class_weights": plan.class_weights} if plan.class_weights != "none" else {})


def _symmetry(augment: Augment) -> Symmetry:
    if augment.quarter_turns:
        return "dihedral"
    return "none" if augment.flip == "none" else "horizontal"

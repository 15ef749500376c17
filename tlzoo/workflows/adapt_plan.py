"""What an adaptation does of the usual recipes: sizes, lengths, and how the network is tuned if it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard
    from tlzoo.plans import Phase, Plan
    from tlzoo.recipes.facts import Facts
    from tlzoo.workflows.adapt import AdaptRequest
    from tlzoo.workflows.domains import Pair

RECIPE, TUNE = "adapt", "end_to_end"
"""Name of the recipe and of its phase on features, and of the phase on pixels."""


RATE = 1e-4
"""Peak rate of the network: what fits the source fast distorts what the target needs (Kumar et al., ICLR 2022)."""


def plan_of(pair: Pair, request: AdaptRequest) -> Plan:
    """Returns what of the usual plan for features holds here: sizes and lengths. The head is learned in its own way.

    Args:
        pair: Both domains.
        request: Names the backbone, if any. Where it asks for tuning end to end, that is a second phase.
    """
    from tlzoo import registry
    from tlzoo.recipes.catalog import make_plan
    from tlzoo.recipes.facts import Facts
    from tlzoo.workflows.prepare import BACKBONES, refuse_engine, refuse_other_modality

    card = registry.backbones().get(request.backbone or BACKBONES[pair.source.modality])
    refuse_other_modality(card, pair.source)
    refuse_engine(request.engine, pair.source)
    counts = tuple(pair.source.counts().values())
    facts = Facts(
        len(pair.source), len(counts), counts, pair.source.symmetry, gpu=False, task="classification"
    )
    options: dict[str, Any] = {"seed": request.seed, "epochs": 1}
    if request.size is not None:
        options["size"] = (request.size, request.size)
    plan = make_plan("feature_extraction", card, facts, options)
    phase = plan.phases[0].model_copy(update={"name": RECIPE, "l2": (), "rates": {"head": 0.0}})
    tuned = (_tune_phase(card, facts, request),) if request.end_to_end else ()
    return plan.model_copy(update={"recipe": RECIPE, "phases": (phase, *tuned), "class_weights": "balanced"})


def _tune_phase(card: BackboneCard, facts: Facts, request: AdaptRequest) -> Phase:
    """Returns the second phase of `fine_tune`; statistics are those of each domain, and the last epoch is kept."""
    from tlzoo.recipes.catalog import make_plan

    phase = make_plan("fine_tune", card, facts, {"epochs": request.epochs, "rate": RATE}).phases[1]
    return phase.model_copy(update={"name": TUNE, "batchnorm": "train", "keep": "last"})


def without_tuning(plan: Plan) -> Plan:
    """Returns the plan of an adaptation whose network was not tuned in the end."""
    return plan.model_copy(update={"phases": plan.phases[:1]})


def backbone_of(plan: Plan) -> Any:
    """Returns the backbone that a plan looks through."""
    from tlzoo.backbones.load import load_backbone

    length = plan.length or None
    return load_backbone(
        plan.backbone, size=plan.size, length=length, long_text=plan.long_text, seed=plan.seed
    )

"""Few-shot: contrastive tuning of the backbone on pairs of texts, then a linear head.

When to use it: up to some 64 examples a class, where fine-tuning has too little to go by: from n examples come n²
pairs. When it loses: more examples (fine-tuning overtakes it), classes that are no topics (pairs then pull apart what
belongs together), and backbones whose features are no sentence vectors to begin with.

This is SetFit (Tunstall et al., "Efficient Few-Shot Learning Without Prompts", 2022, arXiv:2209.11055), with its
numbers: 20 pairs of one class and 20 of two for each example, batches of 16, one epoch, rate 2e-5, warm-up 0.1. Pairs
grow with the examples there until memory ends (setfit#472, #628); here they are drawn as needed and capped.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.errors import UsageError
from tlzoo.plans import LongText, Phase, Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.modality import seen
from tlzoo.recipes.options import ClassWeights, ladder
from tlzoo.recipes.parts import probe

PAIRS_AN_EXAMPLE = 40


def few_shot(
    card: BackboneCard,
    facts: Facts,
    *,
    length: int | None = None,
    long_text: LongText = "head",
    most_pairs: int = 4_000,
    epochs: int = 1,
    batch_size: int = 16,
    rate: float = 2e-5,
    rate_ratio: float = 1.0,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    clip_norm: float = 1.0,
    head_epochs: int = 60,
    class_weights: ClassWeights = "none",
    seed: int = 0,
) -> Plan:
    """Plans contrastive tuning of all stages, then a head on the features they give.

    Args:
        card: The backbone; it takes texts.
        facts: The data.
        length: Most tokens of a text that are looked at; by default the card's, at most 256.
        long_text: What becomes of longer texts: their `head` is kept, or `head_tail`, or all in `chunks`.
        most_pairs: Pairs an epoch, at most; 40 an example otherwise.
        epochs: How often so many pairs are drawn.
        batch_size: Pairs a step.
        rate: Peak learning rate of the top stage.
        rate_ratio: Rate of the lowest stage as a share of `rate`.
        warmup: Share of the steps over which rates rise.
        weight_decay: Decoupled decay of kernels.
        clip_norm: Largest global norm of the gradient; 0 leaves it alone.
        head_epochs: Passes of the head over the features.
        class_weights: Of the head: `none`, `balanced` or `sqrt`.
        seed: Of everything random.

    Raises:
        UsageError: The backbone takes images.
    """
    if card.modality != "text":
        raise UsageError(
            f"few_shot tunes sentence vectors, and {card.name} takes {card.modality}s.",
            allowed="backbones that `tlzoo list --modality text` shows.",
            do="Use feature_extraction for few images.",
        )
    stages = tuple(stage.name for stage in card.stages)
    contrast = Phase(
        name="contrast",
        inputs="pairs",
        trains=stages,
        rates=ladder(stages, rate, rate_ratio),
        epochs=epochs,
        steps=max(1, min(most_pairs, PAIRS_AN_EXAMPLE * facts.train) // batch_size),
        batch_size=batch_size,
        warmup=warmup,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
    )
    return Plan(
        recipe="few_shot",
        backbone=card.name,
        **seen(card, size=None, resize="stretch", length=length, long_text=long_text),
        phases=(contrast, probe(facts, head_epochs)),
        class_weights=class_weights,
        precision="mixed_float16" if facts.gpu else "float32",
        seed=seed,
    )

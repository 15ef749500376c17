"""LoRA: low-rank changes of kernels train in place of the kernels, and are merged before anything is kept.

When to use it: transformers too large to train whole (a fraction of the optimiser's memory), and little data: what can
change is small by construction. When it loses: small convolutional networks, where training all of it costs little more
and gets further; data far from the pretraining data, whose changes are not of low rank. It saves memory, not the pass
through the network.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv:2106.09685: query and value
projections of attention. Networks without attention get it on every dense layer and every convolution that is not
depthwise. Rank and alpha 8 are those of AutoGluon's multimodal predictor. What is kept and exported is a plain network.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Lora, Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import probe, tuning, upper_stages, whole

LORA_RATE = 1e-3
"""Peak rate of everything: changes begin at zero and stand more than weights do."""


def lora(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int = 0,
    head_epochs: int = 30,
    epochs: int = 8,
    rate: float | None = None,
    rank: int = 8,
    alpha: float = 8.0,
    targets: tuple[str, ...] = (),
    steps: Steps = Steps(weight_decay=0.0),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a head on cached features, then training of low-rank changes in all stages.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages train, counted from the top; 0 trains all of them.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the examples.
        rate: Peak learning rate of everything; by default 0.001.
        rank: Of each change.
        alpha: Changes are multiplied with alpha / rank.
        targets: Globs over names and paths of layers, such as `["*query*", "*dense*"]`; by default attention's query
            and value, or all dense layers and convolutions where there is no attention.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are.
    """
    rate = LORA_RATE if rate is None else rate
    rates = dict.fromkeys((*upper_stages(card, top), "head"), rate)
    tune = tuning(
        card, facts, rates, steps, changes, epochs=epochs, lora=Lora(rank=rank, alpha=alpha, targets=targets)
    )
    return whole("lora", card, facts, (probe(facts, head_epochs), tune), frame)

"""BiT-HyperRule: one phase of plain SGD whose length follows from the number of examples, nothing else to choose.

When to use it: large networks pretrained on much data (that is what it was found for), no time to tune anything, and
ten thousand examples or more. When it loses: few examples on small networks, where 500 steps of everything at one
rate overfit; slow machines; texts, for which it says nothing.

Kolesnikov et al., "Big Transfer (BiT)", ECCV 2020, arXiv:1912.11370, §3.3, numbers from `bit_hyperrule.py` of
google-research/big_transfer. SGD with momentum 0.9 at 0.003 for batches of 512, a head of zeros, no decay, all stages
at one rate. Below 20,000 examples 500 steps, below 500,000 10,000, else 20,000; a tenth of the rate at three
milestones; mixup 0.1 from 20,000 examples on. Scaled to the machine: batches are 512 only where a GPU is; else 32, the
rate in proportion (Goyal et al., 2017, arXiv:1706.02677) and as many steps, so that each sees less. Pictures have the
card's size instead of 512 pixels cropped to 480, and random crops keep the same share of their area; BatchNorm, which
BiT's networks lack, stays frozen.
"""

from __future__ import annotations

from dataclasses import replace

from tlzoo.cards import BackboneCard
from tlzoo.plans import Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import refuse_texts, tuning, upper_stages, whole

PLAIN = Steps(optimizer="sgd", schedule="milestones", weight_decay=0.0, label_smoothing=0.0, clip_norm=0.0)
"""Steps as BiT takes them."""

RULE = {
    20_000: (500, 100, (200, 300, 400)),
    500_000: (10_000, 500, (3_000, 6_000, 9_000)),
    0: (20_000, 500, (6_000, 12_000, 18_000)),
}
"""Steps, warm-up and milestones below so many examples."""

CROPPED = round((480 / 512) ** 2, 3)


def bit_hyperrule(
    card: BackboneCard,
    facts: Facts,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    rate: float | None = None,
    warmup: float | None = None,
    mixup: float | None = None,
    steps: Steps = PLAIN,
    changes: Changes = Changes(crop=CROPPED),
    frame: Frame = Frame(),
) -> Plan:
    """Plans one phase of SGD over all stages, its length and milestones by the number of examples.

    Args:
        card: The backbone; it takes images.
        facts: The data.
        epochs: Passes over the examples; by default as many as give the rule's steps.
        batch_size: Examples a step; by default 512 with a GPU and 32 without.
        rate: Peak learning rate of everything; by default 0.003 for batches of 512, in proportion to the batch.
        warmup: Share of the steps over which the rate rises; by default the rule's.
        mixup: Alpha of the blending of pairs; by default 0.1 from 20,000 examples on.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: The backbone takes texts.
    """
    refuse_texts("bit_hyperrule", card, "the rule was found on images")
    total, rising, falls = next(rule for most, rule in RULE.items() if facts.train < most or not most)
    batch_size = (512 if facts.gpu else 32) if batch_size is None else batch_size
    each = -(-facts.train // max(batch_size, 1))
    fields = {
        "epochs": -(-total // each) if epochs is None else epochs,
        "batch_size": batch_size,
        "warmup": rising / total if warmup is None else warmup,
        "milestones": tuple(at / total for at in falls) if steps.schedule == "milestones" else (),
    }
    rate = float(f"{0.003 * batch_size / 512:.6g}") if rate is None else rate
    mixup = (0.1 if facts.train >= 20_000 else 0.0) if mixup is None else mixup
    rates = dict.fromkeys((*upper_stages(card, 0), "head"), rate)
    tune = tuning(card, facts, rates, steps, replace(changes, mixup=mixup), **fields)
    return whole("bit_hyperrule", card, facts, (tune,), frame)

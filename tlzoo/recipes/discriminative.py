"""Discriminative rates: the head first, then all stages at once, each slower than the one above it.

When to use it: data somewhat unlike the pretraining data, where the stem should still adapt a little, and networks of
many stages, where one rate for all is too high below or too low above. When it loses: very few examples (freeze the
lower stages: `fine_tune`), data so far off that low stages must change much, and time: the stem trains too.

Each stage has the rate of the next one divided by 2.6 (Howard & Ruder, "Universal Language Model Fine-tuning for Text
Classification", ULMFiT, ACL 2018, arXiv:1801.06146, §3.2); `lowest=0.01` spreads the rates geometrically down to a
hundredth, as fastai's `slice(rate/100, rate)` does.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.fine_tune import RATES
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.options import ladder
from tlzoo.recipes.parts import falling, probe, tuning, upper_stages, whole


def discriminative(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int = 0,
    head_epochs: int = 30,
    epochs: int = 8,
    rate: float | None = None,
    factor: float = 2.6,
    lowest: float | None = None,
    steps: Steps = Steps(),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a head on cached features, then training of all stages at rates that fall towards the stem.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages train, counted from the top; 0 trains all of them.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the examples.
        rate: Peak learning rate of the head and the top stage; by default that of `fine_tune`.
        factor: By how much the rate falls from each stage to the one below.
        lowest: Rate of the lowest trained stage as a share of `rate`, the others geometrically between; overrides
            `factor`.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are, or `factor` is below 1.
    """
    stages = upper_stages(card, top)
    rate = RATES[card.modality] if rate is None else rate
    rates = falling(stages, rate, factor) if lowest is None else ladder(stages, rate, lowest)
    tune = tuning(card, facts, {**rates, "head": rate}, steps, changes, epochs=epochs)
    return whole("discriminative", card, facts, (probe(facts, head_epochs), tune), frame)

"""LP-FT: a linear probe chosen by cross-validation, then everything at one low rate.

When to use it: test data that will look different from the training data (another camera, hospital, year), where
plain fine-tuning distorts features that the probe would have kept. When it loses: plenty of examples from the very
place the model will be used, where a higher rate gets further; and it trains the stem too, which costs the most.

Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022,
arXiv:2202.10054: over ten shifts, +1% in distribution and +10% out of it against fine-tuning alone. `fine_tune` begins
with a probe as well; it then trains the upper two thirds of the stages only, at a rate ten times as high that falls
towards the stem. Here all stages move, all at the same low rate, so that the features keep their shape. A long probe
makes logits large, which a temperature mends: every run fits one.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import probe, tuning, upper_stages, whole

RATES = {"image": 3e-5, "text": 2e-5}
"""Peak rates: about a tenth of those `fine_tune` takes."""


def lp_ft(
    card: BackboneCard,
    facts: Facts,
    *,
    head_epochs: int = 60,
    epochs: int = 8,
    rate: float | None = None,
    steps: Steps = Steps(label_smoothing=0.0),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a probe on cached features, then training of all stages at one low rate.

    Args:
        card: The backbone.
        facts: The data.
        head_epochs: Passes of the probe over cached features.
        epochs: Passes over the examples.
        rate: Peak learning rate of everything; by default `RATES` of the modality.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.
    """
    rate = RATES[card.modality] if rate is None else rate
    rates = dict.fromkeys((*upper_stages(card, 0), "head"), rate)
    tune = tuning(card, facts, rates, steps, changes, epochs=epochs)
    return whole("lp_ft", card, facts, (probe(facts, head_epochs), tune), frame)

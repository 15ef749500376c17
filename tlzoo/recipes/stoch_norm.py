"""Stochastic normalisation: BatchNorm that learns from the batch for some channels and not for others, by chance.

When to use it: little data, networks with BatchNorm, and pictures whose statistics differ from the pretraining data's,
so that frozen statistics fit badly and the batch's alone overfit. When it loses: networks without BatchNorm (an error
says so), plenty of data (81.8 without, 82.2 with it on all of CUB; on 15% of it 51.2 and 54.8: README of thuml's
Transfer-Learning-Library), and batches below some 16 pictures, whose statistics are noise.

Kou, You, Long, Wang, "Stochastic Normalization", NeurIPS 2020: each channel takes the batch's statistics with
probability 0.5, else the moving ones, which move as in BatchNorm. What is exported is plain BatchNorm.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import probe, refuse_texts, stages_and_head, tuning, whole


def stoch_norm(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int = 0,
    head_epochs: int = 30,
    epochs: int = 8,
    rate: float | None = None,
    share: float = 0.5,
    steps: Steps = Steps(batchnorm="stochastic"),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a head on cached features, then training of all stages with stochastic BatchNorm.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages train, counted from the top; 0 trains all of them.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the examples.
        rate: Peak learning rate of the head and the top stage; by default that of `fine_tune`.
        share: Chance that a channel is normalised by the batch's statistics, 0..1.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are.
    """
    refuse_texts("stoch_norm", card, "their networks have no BatchNorm")
    rates = stages_and_head(card, top, rate)
    tune = tuning(card, facts, rates, steps, changes, epochs=epochs, batch_share=share)
    return whole("stoch_norm", card, facts, (probe(facts, head_epochs), tune), frame)

"""BSS: fine-tuning that shrinks the smallest singular values of each batch's features.

When to use it: little data, where the weakest directions of the features carry knowledge that does not transfer.
When it loses: plenty of data (81.8 without, 82.0 with it on all of CUB; on 15% of it 51.2 and 53.4: README of thuml's
Transfer-Learning-Library); and batches that are small beside the number of classes say little about a spectrum.

Chen et al., "Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for Safe Transfer Learning",
NeurIPS 2019: one singular value, its square times 0.001. Nothing of the pretrained network is kept in memory.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Penalty, Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import probe, stages_and_head, tuning, whole


def bss(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int = 0,
    head_epochs: int = 30,
    epochs: int = 8,
    rate: float | None = None,
    strength: float = 0.001,
    smallest: int = 1,
    steps: Steps = Steps(),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a head on cached features, then training of all stages with batch spectral shrinkage.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages train, counted from the top; 0 trains all of them.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the examples.
        rate: Peak learning rate of the head and the top stage; by default that of `fine_tune`.
        strength: What the squared singular values are multiplied with.
        smallest: How many singular values shrink.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are.
    """
    rates = stages_and_head(card, top, rate)
    penalty = Penalty(kind="bss", strength=strength, smallest=smallest)
    tune = tuning(card, facts, rates, steps, changes, epochs=epochs, penalty=penalty)
    return whole("bss", card, facts, (probe(facts, head_epochs), tune), frame)

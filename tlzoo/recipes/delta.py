"""DELTA: fine-tuning that pays for feature maps unlike those of the pretrained network.

When to use it: little data close to the pretraining data, as for `l2_sp`: what is held is what stages say, not the
weights by which they say it. When it loses: plenty of data (81.8 without, 82.3 with it on all of CUB; on 15% of it 51.2
and 54.8: README of thuml's Transfer-Learning-Library), data far from the pretraining data, and time: the pretrained
network runs beside the one that trains, and its weights are in memory twice.

Li et al., "DELTA: Deep Learning Transfer using Feature Map with Attention for Convolutional Networks", ICLR 2019,
arXiv:1901.09229, without its attention: every channel counts alike. The distance is averaged over positions and
examples and summed over channels and stages; the library sums it over batches of 48 and multiplies by 0.01, hence
0.48. The head pays 0.01 times half its squared norm.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Penalty, Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import probe, stages_and_head, tuning, whole


def delta(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int = 0,
    head_epochs: int = 30,
    epochs: int = 8,
    rate: float | None = None,
    strength: float = 0.48,
    head_strength: float = 0.01,
    steps: Steps = Steps(weight_decay=0.0),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a head on cached features, then training of all stages, held by the pretrained feature maps.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages train, counted from the top; 0 trains all of them.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the examples.
        rate: Peak learning rate of the head and the top stage; by default that of `fine_tune`.
        strength: What half the squared distance of feature maps is multiplied with.
        head_strength: What half the squared norm of the head is multiplied with.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are.
    """
    rates = stages_and_head(card, top, rate)
    penalty = Penalty(kind="delta", strength=strength, head=head_strength)
    tune = tuning(card, facts, rates, steps, changes, epochs=epochs, penalty=penalty)
    return whole("delta", card, facts, (probe(facts, head_epochs), tune), frame)

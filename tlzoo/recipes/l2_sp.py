"""L2-SP: fine-tuning that pays for leaving the pretrained weights.

When to use it: little data (below some thirty examples a class) that is close to the pretraining data, where plain
fine-tuning forgets more than it learns. When it loses: plenty of data (the gain is noise then), and data far from the
pretraining data, which need to leave.

Li, Grandvalet, Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", ICML 2018,
arXiv:1802.01483. To the loss is added half the squared distance of the trained stages from their pretrained weights,
and half the squared norm of the head, each times 0.01 (the numbers of thuml's Transfer-Learning-Library); there is no
other decay. Steps and rates are those of `fine_tune` (the library's own: `optimizer=sgd`, `rate=0.01`).
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Penalty, Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import probe, stages_and_head, tuning, whole


def l2_sp(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int = 0,
    head_epochs: int = 30,
    epochs: int = 8,
    rate: float | None = None,
    strength: float = 0.01,
    head_strength: float = 0.01,
    steps: Steps = Steps(weight_decay=0.0),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a head on cached features, then training of all stages, held by their pretrained weights.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages train, counted from the top; 0 trains all of them.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the examples.
        rate: Peak learning rate of the head and the top stage; by default that of `fine_tune`.
        strength: What half the squared distance is multiplied with.
        head_strength: What half the squared norm of the head is multiplied with.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are.
    """
    rates = stages_and_head(card, top, rate)
    penalty = Penalty(kind="l2_sp", strength=strength, head=head_strength)
    tune = tuning(card, facts, rates, steps, changes, epochs=epochs, penalty=penalty)
    return whole("l2_sp", card, facts, (probe(facts, head_epochs), tune), frame)

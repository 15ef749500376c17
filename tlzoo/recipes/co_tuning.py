"""Co-tuning: the classifier the backbone was pretrained with learns on, beside the new one.

When to use it: little data and classes that resemble some of the source's (birds, dogs, cars of ImageNet).
When it loses: classes that resemble none (cells, scans), plenty of data (81.8 without, 82.5 with it on all of CUB; on
15% of it 51.2 and 57.6: README of thuml's Transfer-Learning-Library), and backbones whose classifier is not at hand:
an error says which have it.

You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020: each class stands for the mean of what the source's
classifier says of its training pictures, and that classifier learns those distributions, 2.3 times, at the rate of the
new head. It is left out of what the run keeps.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import probe, refuse_texts, stages_and_head, tuning, whole


def co_tuning(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int = 0,
    head_epochs: int = 30,
    epochs: int = 8,
    rate: float | None = None,
    strength: float = 2.3,
    steps: Steps = Steps(),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a head on cached features, then training of all stages with both classifiers.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages train, counted from the top; 0 trains all of them.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the examples.
        rate: Peak learning rate of the head and the top stage; by default that of `fine_tune`.
        strength: What the loss of the source's classifier is multiplied with.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are.
    """
    refuse_texts("co_tuning", card, "none of them was pretrained with a classifier")
    rates = stages_and_head(card, top, rate)
    tune = tuning(card, facts, rates, steps, changes, epochs=epochs, co_tuning=strength)
    return whole("co_tuning", card, facts, (probe(facts, head_epochs), tune), frame)

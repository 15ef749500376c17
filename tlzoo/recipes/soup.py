"""Soup: fine-tuning whose best epochs are averaged, as long as validation gains.

When to use it: where `fine_tune` ends elsewhere with every seed and a few more passes over the validation split are
cheap; what is served is one network, however many epochs are in it. When it loses: validation splits of some dozen
examples, on which choosing is a lottery; and hot runs whose epochs lie in different valleys, where no average is taken
and it is `fine_tune` again.

Wortsman et al., "Model soups", ICML 2022, arXiv:2203.05482, the greedy recipe: epochs in the order of their validation
loss, each kept in the average if that does not lose. Averaging along one run is Izmailov et al., "Averaging Weights
Leads to Wider Optima and Better Generalization", UAI 2018, arXiv:1803.05407: hence a rate that stays, so that epochs
differ. (AutoGluon's multimodal predictor averages its best three so.) An ensemble of linear heads needs no recipe of
its own: its mean logits are those of the mean head.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import probe, stages_and_head, tuning, whole


def soup(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int = 0,
    head_epochs: int = 30,
    epochs: int = 8,
    rate: float | None = None,
    candidates: int = 4,
    steps: Steps = Steps(schedule="constant"),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a head on cached features, then training whose best epochs are averaged.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages train, counted from the top; 0 trains all of them.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the examples.
        rate: Peak learning rate of the head and the top stage; by default that of `fine_tune`.
        candidates: Epochs, the best ones, that may be averaged.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are.
    """
    rates = stages_and_head(card, top, rate)
    tune = tuning(
        card, facts, rates, steps, changes, epochs=epochs, soup=candidates, keep=steps.keep or "best"
    )
    return whole("soup", card, facts, (probe(facts, head_epochs), tune), frame)

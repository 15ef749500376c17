"""Self-training: fine-tuning, then again with the test pictures (or texts) whose labels the model is sure of.

It is transductive: it LOOKS AT THE EXAMPLES OF THE TEST SPLIT, never at their labels. So its test scores say how well
it does on a pile of examples that is at hand, unlabelled, while training, and nothing of examples that come later.
Report, run and command line say so.

When to use it: the examples to be labelled are all there already, there are more of them than labelled ones or they
come from elsewhere, and the model is right more often than not. When it loses: a model that is wrong where it is sure
grows surer of it; test sets that are small beside the training split add little; and it takes half as long again as
`fine_tune`. To compare it with other recipes as if it were one of them would be unfair to them.

Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks", ICML workshop
2013. Labels are given anew in each round (Xie et al., "Self-training with Noisy Student improves ImageNet
classification", CVPR 2020, arXiv:1911.04252, whose noise is here what `changes` and dropout make); confidences are
calibrated, and no class gets more than its share (Zou et al., ECCV 2018, arXiv:1810.07911).
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.errors import UsageError
from tlzoo.plans import Phase, Plan, Pseudo
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.fine_tune import usual_top
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import probe, stages_and_head, tuning, whole


def self_training(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int | None = None,
    head_epochs: int = 30,
    epochs: int = 6,
    rounds: int = 2,
    round_epochs: int = 2,
    rate: float | None = None,
    round_rate: float = 0.5,
    confidence: float = 0.9,
    weight: float = 1.0,
    steps: Steps = Steps(),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans fine-tuning, then rounds that train with confident test examples too; looks at the test pictures.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages train, counted from the top; 0 trains all of them. By default as in `fine_tune`.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the labelled examples before the first round.
        rounds: How often test examples are labelled anew and trained with.
        round_epochs: Passes over all of them in each round.
        rate: Peak learning rate of the head and the top stage; by default that of `fine_tune`.
        round_rate: What rates of the rounds are, as a share of those before.
        confidence: Least calibrated probability of test examples that train.
        weight: What each of them weighs beside a labelled example.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are, or there is no round.
    """
    if rounds < 1:
        raise UsageError(f"rounds={rounds}: that is fine_tune.", allowed="1 or more.", do="Use fine_tune.")
    rates = stages_and_head(card, usual_top(card) if top is None else top, rate)
    slower = {name: float(f"{each * round_rate:.6g}") for name, each in rates.items()}
    pseudo = Pseudo(confidence=confidence, weight=weight)

    def again(number: int) -> Phase:
        fields = {"name": f"self{number}", "epochs": round_epochs, "pseudo": pseudo}
        return tuning(card, facts, slower, steps, changes, **fields)

    tune = tuning(card, facts, rates, steps, changes, epochs=epochs)
    turns = tuple(again(number) for number in range(1, rounds + 1))
    return whole("self_training", card, facts, (probe(facts, head_epochs), tune, *turns), frame)

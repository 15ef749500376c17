"""Gradual unfreezing: the head first, then one more stage a phase from the top, then everything together.

When to use it: few examples and a network whose upper stages should settle before lower ones move, texts above all,
where it was found. When it loses: time (a phase a stage: networks of a dozen stages take a dozen epochs before all of
them train at once) and plenty of data, where unfreezing everything at once gets as far.

ULMFiT (Howard & Ruder, ACL 2018, arXiv:1801.06146): the rate of a stage is that of the next one divided by 2.6, and
each phase has a slanted triangle: a tenth of the steps up, the rest down, lowest rate a 32nd of the peak. Each phase
keeps its best epoch and hands it on.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Phase, Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.fine_tune import RATES
from tlzoo.recipes.groups import Changes, Frame, Steps
from tlzoo.recipes.parts import falling, probe, tuning, upper_stages, whole


def gradual_unfreeze(
    card: BackboneCard,
    facts: Facts,
    *,
    top: int = 0,
    head_epochs: int = 30,
    each_epochs: int = 1,
    epochs: int = 4,
    rate: float | None = None,
    factor: float = 2.6,
    steps: Steps = Steps(schedule="slanted"),
    changes: Changes = Changes(),
    frame: Frame = Frame(),
) -> Plan:
    """Plans a head on cached features, a phase for every stage that joins from the top, and one for all of them.

    Args:
        card: The backbone.
        facts: The data.
        top: How many stages are unfrozen in the end, counted from the top; 0 for all of them.
        head_epochs: Passes of the head over cached features before anything else moves.
        each_epochs: Passes over the examples after each stage that joins, before the last one does.
        epochs: Passes once all of them train.
        rate: Peak learning rate of the head and the top stage; by default that of `fine_tune`.
        factor: By how much the rate falls from each stage to the one below.
        steps: How steps are taken.
        changes: How images change.
        frame: Options of the plan as a whole.

    Raises:
        UsageError: `top` asks for more stages than there are, or `factor` is below 1.
    """
    stages = upper_stages(card, top)
    rate = RATES[card.modality] if rate is None else rate

    def phase(count: int) -> Phase:
        joined = stages[-count:]
        last = count == len(stages)
        return tuning(
            card,
            facts,
            {**falling(joined, rate, factor), "head": rate},
            steps,
            changes,
            epochs=epochs if last else each_epochs,
            name="tune" if last else f"from_{joined[0]}",
        )

    joining = tuple(phase(count) for count in range(1, len(stages) + 1))
    return whole("gradual_unfreeze", card, facts, (probe(facts, head_epochs), *joining), frame)

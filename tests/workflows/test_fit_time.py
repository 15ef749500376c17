import json

import numpy as np
import pytest

from tlzoo.plans import Phase
from tlzoo.training.timing import Timing, timed
from tlzoo.workflows.budget import Budget
from tlzoo.workflows.carry import Prepared
from tlzoo.workflows.fit_time import REPORT, SLACK, fit, fitting
from tlzoo.workflows.prepare import prepare
from tlzoo.workflows.request import Request
from tlzoo.workflows.trials import trial_context

TIMING = Timing(start=10, step=1.0, judging=0.1, steps=50, judged=100)
"""An epoch takes a minute."""


def phase(name="tune", epochs=8):
    return Phase(
        name=name, inputs="pixels", trains=("head",), rates={"head": 1e-3}, epochs=epochs, batch_size=32
    )


def seconds_for(epochs, phases=1):
    """What so many epochs of the last phase need, and a second more."""
    return 1 + SLACK * (200 * 0.1 + 10 * phases + 60 * epochs) + REPORT


@pytest.mark.parametrize("epochs", [2, 5, 8])
def test_as_many_epochs_as_there_is_time_for(epochs):
    found = fitting(TIMING, [phase()], 200, seconds_for(epochs), (2, 0.0))
    assert (found.epochs, found.whole) == (epochs, epochs == 8)
    assert found.reserve == pytest.approx(SLACK * 20 + REPORT)
    assert fitting(TIMING, [phase()], 200, seconds_for(epochs) - 2, (1, 0.0)).epochs == epochs - 1
    assert ("instead of 8" in found.why) == (epochs < 8)


def test_no_more_than_the_recipe_has():
    assert fitting(TIMING, [phase()], 200, 1e6, (2, 0.0)).epochs == 8


@pytest.mark.parametrize(("least", "share"), [(2, 0.0), (1, 0.5), (8, 0.0)])
def test_too_few_are_none(least, share):
    few = max(least, share * 8) - 1
    found = fitting(TIMING, [phase()], 200, seconds_for(few), (least, share))
    assert (found.epochs, found.whole) == (0, False)
    assert "no time" in found.why
    assert fitting(TIMING, [phase()], 200, seconds_for(few + 1), (least, share)).epochs == few + 1


def test_a_recipe_of_one_epoch_is_whole_with_one():
    assert fitting(TIMING, [phase(epochs=1)], 200, seconds_for(1), (2, 0.5)).whole


def test_earlier_phases_count():
    several = [phase("from_top", 1), phase("from_block", 1), phase()]
    assert fitting(TIMING, several, 200, seconds_for(5 + 2, phases=3), (2, 0.0)).epochs == 5


def test_nothing_fits_into_no_time():
    for left in (0.0, -5.0):
        assert fitting(TIMING, [phase()], 200, left, (1, 0.0)).epochs == 0


@pytest.mark.usefixtures("tiny")
class TestMeasured:
    REQUEST = Request(
        backbone="tiny",
        recipe="fine_tune",
        validation=0.2,
        test=0.25,
        options={"batch_size": 16, "head_epochs": 2},
    )

    def test_a_timed_backbone_is_as_it_was(self, digits):
        dataset, splits, plan = prepare(digits, self.REQUEST)
        with trial_context(dataset, splits, plan) as context:
            before = [np.array(weight) for weight in context.backbone.network.weights]
            found = timed(context, plan.phases[1])
            for weight, value in zip(context.backbone.network.weights, before, strict=True):
                np.testing.assert_array_equal(np.array(weight), value)
        assert found.steps == -(-len(splits.train) // 16)
        assert found.judged == len(splits.validation)
        assert 0 < found.judging < found.step < found.start
        assert found.epoch > found.steps * found.step

    def test_what_was_begun_goes_on_as_it_is(self, digits, tmp_path):
        made = Prepared(*prepare(digits, self.REQUEST))
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "plan.json").write_text(json.dumps({"phases": [{"epochs": 30}, {"epochs": 3}]}))
        found = fit(made, Budget(1000), tmp_path, (False, 0.0))
        assert (found.epochs, found.whole) == (3, False)

    def test_too_little_time_is_not_spent_on_timing(self, digits, tmp_path):
        made = Prepared(*prepare(digits, self.REQUEST))
        budget = Budget(10)
        assert fit(made, budget, tmp_path, (False, 0.0)).epochs == 0
        assert budget.spent < 1

import pytest

from tests.recipe_kinds import CLASSES_ONLY, OF_IMAGES
from tlzoo import paths, registry
from tlzoo.errors import UsageError
from tlzoo.plans import Plan
from tlzoo.recipes.catalog import check_options, make_plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.options import L2_GRID
from tlzoo.recipes.tasks import RIDGE_GRID


@pytest.fixture(scope="module")
def card():
    return registry.backbones(paths.zoo_dir()).get("efficientnet_lite0")


def test_few_shot_needs_classes():
    card = registry.backbones(paths.zoo_dir()).get("minilm_l6")
    with pytest.raises(UsageError, match="recipe 'few_shot' for the task regression"):
        make_plan("few_shot", card, Facts(100, 1, task="regression"))


def test_co_tuning_needs_classes(card):
    with pytest.raises(UsageError, match="recipe 'co_tuning' for the task multilabel"):
        make_plan("co_tuning", card, Facts(100, 3, task="multilabel"))


@pytest.mark.parametrize("recipe", sorted(set(OF_IMAGES) - CLASSES_ONLY))
def test_every_recipe_plans_every_task(card, recipe):
    plans = {task: make_plan(recipe, card, Facts(100, 2, task=task)) for task in ("multilabel", "regression")}
    assert {task: plan.task for task, plan in plans.items()} == {task: task for task in plans}
    assert not any(phase.label_smoothing for phase in plans["regression"].phases)
    for plan in plans.values():
        assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_plans_of_classifiers_keep_their_digest(card):
    """As they were before plans knew of tasks, penalties and the like."""
    assert make_plan("feature_extraction", card, Facts(1000, 2)).digest == "d1353715a6c8"
    plan = make_plan("scratch", card, Facts(1000, 2))
    assert plan.digest == "b9d14db488da"
    assert plan.digest != plan.model_copy(update={"task": "multilabel"}).digest


def test_a_regression_tries_larger_penalties_unless_told(card):
    def l2(**options):
        plan = make_plan("feature_extraction", card, Facts(100, 1, task="regression"), options)
        return plan.phases[0].l2

    assert l2() == RIDGE_GRID
    assert l2(l2="[0.5]") == (0.5,)
    assert make_plan("feature_extraction", card, Facts(100, 2, task="multilabel")).phases[0].l2 == L2_GRID


@pytest.mark.parametrize(
    ("task", "option", "value"),
    [
        ("regression", "class_weights", "balanced"),
        ("regression", "label_smoothing", 0.1),
        ("multilabel", "class_weights", "sqrt"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_options_that_say_nothing_about_a_task_are_refused_before_data_is_read(
    card, task, option, value, named
):
    with pytest.raises(UsageError, match=f"{option}={value} for the task {task}"):
        check_options("fine_tune", card if named else None, {option: value}, task)
    check_options("fine_tune", card if named else None, {option: value})

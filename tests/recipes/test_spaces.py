import pytest

from tests.recipe_kinds import TEXT_ONLY
from tlzoo import paths, registry
from tlzoo.errors import UnknownNameError
from tlzoo.recipes.catalog import RECIPES, make_plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.spaces import Choice, Range, space_of, usual

FACTS = Facts(train=600, classes=3, counts=(200, 200, 200))


def card_of(recipe):
    return registry.backbones(paths.zoo_dir()).get(
        "minilm_l6" if recipe in TEXT_ONLY else "efficientnet_lite0"
    )


def ends(way):
    return way.values if isinstance(way, Choice) else (way.low, way.high)


@pytest.mark.parametrize("recipe", RECIPES)
def test_both_ends_of_every_range_are_plans_and_defaults_lie_within(recipe):
    card = card_of(recipe)
    space = space_of(RECIPES[recipe], card, FACTS)
    assert "rate" in space
    for name, way in space.items():
        for value in ends(way):
            plan = make_plan(
                recipe, card, FACTS, {name: int(value) if getattr(way, "whole", False) else value}
            )
            assert plan.recipe == recipe
    defaults = usual(RECIPES[recipe], card, FACTS, space)
    assert set(defaults) == set(space)
    for name, value in defaults.items():
        assert min(ends(space[name])) <= value <= max(ends(space[name]))
    given = {name: value for name, value in defaults.items() if name != "batch_size"}
    assert make_plan(recipe, card, FACTS, given) == make_plan(recipe, card, FACTS)


def test_the_recipe_means_what_lies_outside():
    """L2-SP says there is no other decay; the penalty's strength is worth a search."""
    space = space_of(RECIPES["l2_sp"], card_of("l2_sp"), FACTS)
    assert "weight_decay" not in space
    assert space["strength"] == Range(0.01 / 30, 0.01 * 30, log=True)


def test_texts_have_no_crops_and_numbers_no_smoothing():
    texts = registry.backbones(paths.zoo_dir()).get("minilm_l6")
    assert {"crop", "mixup"}.isdisjoint(space_of(RECIPES["fine_tune"], texts, FACTS))
    numbers = Facts(train=600, classes=1, task="regression")
    assert "label_smoothing" not in space_of(RECIPES["fine_tune"], card_of("fine_tune"), numbers)
    assert "crop" not in space_of(RECIPES["feature_extraction"], card_of("fine_tune"), FACTS)


def test_what_is_set_stays_and_what_is_named_is_searched():
    card = card_of("fine_tune")
    assert "rate" not in space_of(RECIPES["fine_tune"], card, FACTS, fixed=("rate",))
    assert list(space_of(RECIPES["fine_tune"], card, FACTS, only=("rate", "top"))) == ["top", "rate"]
    with pytest.raises(UnknownNameError, match="no option to search in recipe 'fine_tune' 'epochs'"):
        space_of(RECIPES["fine_tune"], card, FACTS, only=("epochs",))

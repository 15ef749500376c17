import pytest

from tests.recipe_kinds import TEXT_ONLY
from tlzoo import registry
from tlzoo.errors import UnknownNameError, UsageError
from tlzoo.recipes.catalog import RECIPES, make_plan
from tlzoo.recipes.facts import Facts

FACTS = Facts(train=1000, classes=2, counts=(600, 400))


@pytest.fixture(scope="module")
def card():
    return registry.backbones().get("efficientnet_lite0")


@pytest.fixture(scope="module")
def text_card():
    return registry.backbones().get("minilm_l6")


@pytest.fixture
def its_card(recipe, card, text_card):
    return text_card if recipe in TEXT_ONLY else card


@pytest.mark.parametrize("recipe", RECIPES)
class TestEveryRecipe:
    def test_is_pure(self, its_card, recipe):
        assert make_plan(recipe, its_card, FACTS) == make_plan(recipe, its_card, FACTS)

    def test_names_itself_and_its_backbone(self, its_card, recipe):
        plan = make_plan(recipe, its_card, FACTS)
        assert (plan.recipe, plan.backbone) == (recipe, its_card.name)

    def test_trains_only_stages_that_exist(self, its_card, recipe):
        names = {stage.name for stage in its_card.stages} | {"head"}
        assert all(set(phase.trains) <= names for phase in make_plan(recipe, its_card, FACTS).phases)

    def test_passes_the_seed_on(self, its_card, recipe):
        assert make_plan(recipe, its_card, FACTS, {"seed": 7}).seed == 7

    def test_documents_when_it_loses_and_whom_it_cites(self, recipe):
        import sys

        text = sys.modules[RECIPES[recipe].__module__].__doc__
        assert "When to use it" in text
        assert "When it loses" in text
        assert "20" in text

    def test_documents_every_option(self, recipe):
        from tlzoo.recipes import groups
        from tlzoo.recipes.options import options_of

        kinds = {"frame": groups.Frame, "steps": groups.Steps, "changes": groups.Changes}
        for name, option in options_of(RECIPES[recipe]).items():
            described = kinds.get(option.group, RECIPES[recipe])
            assert f"        {name}: " in described.__doc__
            assert not option.group or f"        {option.group}: " in RECIPES[recipe].__doc__

    def test_misspelt_option_suggests_the_right_one(self, its_card, recipe):
        with pytest.raises(UnknownNameError, match="Did you mean 'epochs'"):
            make_plan(recipe, its_card, FACTS, {"epoch": 3})

    def test_wrong_value_says_what_came_in(self, its_card, recipe):
        with pytest.raises(UsageError, match="epochs='many'"):
            make_plan(recipe, its_card, FACTS, {"epochs": "many"})

    def test_out_of_range_value_is_a_usage_error(self, its_card, recipe):
        with pytest.raises(UsageError, match="greater than 0"):
            make_plan(recipe, its_card, FACTS, {"epochs": 0})


def test_few_shot_refuses_images(card):
    with pytest.raises(UsageError, match="efficientnet_lite0 takes images"):
        make_plan("few_shot", card, FACTS)


def test_few_shot_caps_its_pairs(text_card):
    contrast = make_plan("few_shot", text_card, Facts(train=60, classes=3)).phases[0]
    assert contrast.steps * contrast.batch_size == 60 * 40
    many = make_plan("few_shot", text_card, Facts(train=60_000, classes=3)).phases[0]
    assert many.steps * many.batch_size == 4_000


def test_unknown_recipe_suggests():
    with pytest.raises(UnknownNameError, match="'fine_tune'"):
        make_plan("finetune", None, FACTS)


def test_fine_tune_lowers_rates_towards_the_stem(card):
    tune = make_plan("fine_tune", card, FACTS, {"rate": 1e-3, "rate_ratio": 0.1, "top": 0}).phases[1]
    rates = [tune.rates[name] for name in tune.trains]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(1e-4)
    assert tune.rates["head"] == tune.rates["top"] == 1e-3


def test_fine_tune_of_top_stages_leaves_the_others(card):
    tune = make_plan("fine_tune", card, FACTS, {"top": 2}).phases[1]
    assert tune.trains == ("block7", "top", "head")


def test_fine_tune_trains_the_upper_two_thirds_by_default(card):
    assert make_plan("fine_tune", card, FACTS).phases[1].trains[0] == "block3"
    assert make_plan("fine_tune", card, FACTS, {"top": 0}).phases[1].trains[0] == "stem"


def test_fine_tune_of_more_stages_than_there_are(card):
    with pytest.raises(UsageError, match="has 9 stages"):
        make_plan("fine_tune", card, FACTS, {"top": 10})


def test_batchnorm_is_frozen_unless_asked(card):
    assert make_plan("fine_tune", card, FACTS).phases[1].batchnorm == "frozen"
    assert make_plan("fine_tune", card, FACTS, {"batchnorm": "train"}).phases[1].batchnorm == "train"


def test_scratch_starts_from_random_weights(card):
    assert not make_plan("scratch", card, FACTS).pretrained


def test_symmetry_of_the_data_becomes_augmentation(card):
    cells = Facts(train=100, classes=2, symmetry="dihedral")
    augment = make_plan("fine_tune", card, cells).phases[1].augment
    assert (augment.flip, augment.quarter_turns) == ("both", True)
    digits = Facts(train=100, classes=10, symmetry="none")
    assert make_plan("fine_tune", card, digits).phases[1].augment.flip == "none"
    assert (
        make_plan("fine_tune", card, digits, {"symmetry": "horizontal"}).phases[1].augment.flip
        == "horizontal"
    )


def test_half_precision_only_where_the_device_gains(card):
    assert make_plan("fine_tune", card, FACTS).precision == "float32"
    assert make_plan("fine_tune", card, Facts(10, 2, gpu=True)).precision == "mixed_float16"

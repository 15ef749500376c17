"""What recipes plan for texts, and which options mean nothing for texts or for images."""

import pytest

from tests.recipe_kinds import IMAGE_ONLY, OF_BOTH, OF_TEXTS
from tlzoo import paths, registry
from tlzoo.errors import UnknownNameError, UsageError
from tlzoo.recipes.catalog import check_options, make_plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.fine_tune import FEW
from tlzoo.recipes.modality import DEFAULT_LENGTH

FACTS = Facts(train=1000, classes=2, counts=(600, 400))


@pytest.fixture(scope="module")
def cards():
    return registry.backbones(paths.zoo_dir())


@pytest.fixture(scope="module")
def text(cards):
    return cards.get("minilm_l6")


@pytest.fixture(scope="module")
def image(cards):
    return cards.get("efficientnet_lite0")


@pytest.fixture(scope="module")
def strings(text):
    changes = {
        "tokenizer": text.tokenizer.model_copy(update={"kind": "in_model"}),
        "input": text.input.model_copy(update={"length": 0}),
    }
    return text.model_copy(update=changes)


@pytest.mark.parametrize("recipe", OF_TEXTS)
class TestEveryRecipe:
    def test_texts_are_tokens_of_a_length(self, text, recipe):
        plan = make_plan(recipe, text, FACTS)
        assert (plan.size, plan.length, plan.long_text) == ((0, 0), DEFAULT_LENGTH, "head")
        assert {phase.inputs for phase in plan.phases} <= {"features", "tokens", "pairs"}
        assert not any(phase.augment.active for phase in plan.phases)

    @pytest.mark.parametrize("length", [3, 512])
    def test_another_length(self, text, recipe, length):
        plan = make_plan(recipe, text, FACTS, {"length": length, "long_text": "chunks"})
        assert (plan.length, plan.long_text) == (length, "chunks")

    @pytest.mark.parametrize("length", [0, -1, 513])
    def test_a_length_the_network_does_not_see(self, text, recipe, length):
        with pytest.raises(
            UsageError, match=rf"length={length}: minilm_l6 sees 512 tokens.*1 to 512.*chunks"
        ):
            make_plan(recipe, text, FACTS, {"length": length})

    def test_a_short_network_is_seen_whole(self, text, recipe):
        short = text.model_copy(update={"input": text.input.model_copy(update={"length": 77})})
        assert make_plan(recipe, short, FACTS).length == 77

    def test_a_network_of_strings_sees_whole_texts(self, strings, recipe):
        assert make_plan(recipe, strings, FACTS).length == 0
        for options in ({"length": 9}, {"long_text": "chunks"}):
            with pytest.raises(UsageError, match=r"takes whole texts; .* says nothing about those"):
                make_plan(recipe, strings, FACTS, options)


@pytest.mark.parametrize("recipe", OF_BOTH)
class TestEveryRecipeOfImagesToo:
    def test_images_are_pixels_of_a_size(self, image, recipe):
        plan = make_plan(recipe, image, FACTS)
        assert (plan.size, plan.length) == ((224, 224), 0)
        assert {phase.inputs for phase in plan.phases} <= {"features", "pixels"}

    @pytest.mark.parametrize(
        "options", [{"size": (64, 64)}, {"resize": "crop"}, {"symmetry": "dihedral"}, {"crop": 0.5}]
    )
    def test_options_of_images_say_nothing_about_texts(self, text, recipe, options):
        name = next(iter(options))
        if recipe == "feature_extraction":
            options = options | ({"views": 1} if name in ("symmetry", "crop") else {})
        with pytest.raises(
            UsageError, match=f"minilm_l6 takes texts; {name} says nothing|views=1: no change"
        ):
            make_plan(recipe, text, FACTS, options)

    @pytest.mark.parametrize("options", [{"length": 64}, {"long_text": "head_tail"}])
    def test_options_of_texts_say_nothing_about_images(self, image, recipe, options):
        name = next(iter(options))
        with pytest.raises(UsageError, match=rf"efficientnet_lite0 takes images; {name} .*Leave out {name}"):
            make_plan(recipe, image, FACTS, options)


@pytest.mark.parametrize("recipe", sorted(IMAGE_ONLY))
def test_some_recipes_say_nothing_about_texts(text, recipe):
    with pytest.raises(UsageError, match=f"{recipe} for minilm_l6, which takes texts"):
        make_plan(recipe, text, FACTS)


@pytest.mark.parametrize("recipe", ["fine_tune", "scratch", "discriminative"])
@pytest.mark.parametrize("options", [{"mixup": 0.2}, {"brightness": 0.1}, {"contrast": 0.1}])
def test_pixels_are_not_changed_where_there_are_none(text, recipe, options):
    with pytest.raises(UsageError, match=f"takes texts; {next(iter(options))}"):
        make_plan(recipe, text, FACTS, options)


def test_options_of_images_without_views_are_still_options_of_images(text):
    with pytest.raises(UsageError, match="takes texts; crop"):
        make_plan("feature_extraction", text, FACTS, {"crop": 0.5})


def test_no_symmetry_is_allowed_for_texts(text):
    assert make_plan("fine_tune", text, FACTS, {"symmetry": "none"}).phases[1].augment.flip == "none"


def test_a_symmetric_data_set_changes_no_text(text):
    facts = Facts(100, 2, (50, 50), symmetry="dihedral")
    assert not make_plan("fine_tune", text, facts).phases[1].augment.active


def test_transformers_learn_slower_than_convolutions(text, image):
    rates = [make_plan("fine_tune", card, FACTS).phases[1].rates["head"] for card in (text, image)]
    assert rates == [1e-4, 3e-4]


def test_options_are_checked_before_there_is_data(text, image):
    check_options("fine_tune", text, {"length": 64, "top": 2})
    check_options("fine_tune", None, {"length": 64})  # the data may be texts
    check_options("fine_tune", None, {"size": (64, 64)})
    with pytest.raises(UsageError, match="length says nothing"):
        check_options("fine_tune", image, {"length": 64})
    with pytest.raises(UsageError, match="has 7 stages"):
        check_options("fine_tune", text, {"top": 8})
    for card in (None, text):
        with pytest.raises(UnknownNameError, match="Did you mean 'length'"):
            check_options("feature_extraction", card, {"lenght": 64})
        with pytest.raises(UnknownNameError, match="no recipe 'finetune'"):
            check_options("finetune", card, {})
        with pytest.raises(UsageError, match="long_text='tail'"):
            check_options("fine_tune", card, {"long_text": "tail"})


class TestTheEpochThatFineTuningKeeps:
    def kept(self, card, options=None, **facts):
        plan = make_plan("fine_tune", card, Facts(train=1000, classes=2, **facts), options)
        return [phase.keep for phase in plan.phases]

    def test_few_validation_examples_of_texts_choose_none(self, text):
        assert self.kept(text, validation=FEW - 1) == ["best", "last"]
        assert self.kept(text, validation=FEW) == ["best", "best"]
        assert self.kept(text) == ["best", "best"]

    def test_images_and_other_tasks_keep_the_best(self, text, image):
        assert self.kept(image, validation=60) == ["best", "best"]
        assert self.kept(text, validation=60, task="regression") == ["best", "best"]

    @pytest.mark.parametrize("options", [{"patience": 2}, {"schedule": "constant"}, {"keep": "best"}])
    def test_an_end_that_is_no_better_than_the_way_there_is_not_kept(self, text, options):
        assert self.kept(text, options, validation=60) == ["best", "best"]

    def test_it_can_be_asked_for(self, image):
        assert self.kept(image, {"keep": "last"}) == ["best", "last"]
        with pytest.raises(UsageError, match="keep='last' goes with no patience"):
            self.kept(image, {"keep": "last", "patience": 3})
        with pytest.raises(UsageError, match="keep='first'"):
            self.kept(image, {"keep": "first"})

    @pytest.mark.parametrize(
        "recipe", sorted(set(OF_TEXTS) - {"feature_extraction", "few_shot", "scratch", "soup"})
    )
    def test_every_recipe_that_tunes_texts_keeps_the_same_epoch(self, text, recipe):
        few = make_plan(recipe, text, Facts(300, 3, validation=FEW - 1))
        assert {phase.keep for phase in few.phases if phase.inputs == "tokens"} == {"last"}
        many = make_plan(recipe, text, Facts(300, 3, validation=FEW))
        assert {phase.keep for phase in many.phases} == {"best"}

    def test_a_soup_is_of_the_best_epochs(self, text):
        assert make_plan("soup", text, Facts(300, 3, validation=FEW - 1)).phases[1].keep == "best"
        with pytest.raises(UsageError, match="a soup is of the best epochs"):
            make_plan("soup", text, Facts(300, 3), {"keep": "last"})

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.errors import UsageError
from tlzoo.recipes.catalog import RECIPES
from tlzoo.recipes.groups import Changes, Steps
from tlzoo.recipes.options import arguments, checked, defaults, ladder, options_of, parse_settings


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ({"epochs": "20"}, {"epochs": 20}),
        ({"rate": "1e-3"}, {"rate": 1e-3}),
        ({"size": "160x128"}, {"size": (160, 128)}),
        ({"size": "160"}, {"size": (160, 160)}),
        ({"symmetry": "dihedral"}, {"symmetry": "dihedral"}),
        ({"epochs": 4}, {"epochs": 4}),
    ],
)
def test_typed_text_becomes_values(typed, value):
    assert checked(RECIPES["fine_tune"], typed) == value


def test_a_list_of_penalties():
    assert checked(RECIPES["feature_extraction"], {"l2": "[0.1, 1]"}) == {"l2": (0.1, 1.0)}


def test_a_word_that_is_no_choice():
    with pytest.raises(UsageError, match=r"symmetry='radial'.*default"):
        checked(RECIPES["fine_tune"], {"symmetry": "radial"})


def a_recipe(card, facts, *, batch_size: int | None = None, steps: Steps = Steps(warmup=0.5)):
    return steps


def test_fields_of_groups_are_options_like_others():
    known = options_of(a_recipe)
    assert defaults(a_recipe)["warmup"] == 0.5
    assert known["warmup"].group == "steps"
    assert checked(a_recipe, {"warmup": "0.25"}) == {"warmup": 0.25}
    assert arguments(a_recipe, {"warmup": 0.25}) == {"steps": Steps(warmup=0.25)}
    assert arguments(a_recipe, {}) == {}


def test_an_option_of_the_recipe_stands_before_a_field_of_that_name():
    assert (options_of(a_recipe)["batch_size"].group, defaults(a_recipe)["batch_size"]) == ("", None)
    assert arguments(a_recipe, {"batch_size": 3, "dropout": 0.1}) == {
        "batch_size": 3,
        "steps": Steps(warmup=0.5, dropout=0.1),
    }


def test_no_field_is_in_two_groups():
    assert not set(vars(Steps())) & set(vars(Changes()))


def test_settings_of_the_command_line():
    assert parse_settings(["epochs=20", "weight-decay = 0.1"]) == {"epochs": "20", "weight_decay": "0.1"}


@pytest.mark.parametrize("word", ["epochs", "=3", " =3"])
def test_a_word_that_sets_nothing(word):
    with pytest.raises(UsageError, match="NAME=VALUE"):
        parse_settings([word])


@given(st.integers(1, 12), st.floats(1e-6, 1.0), st.floats(1e-3, 1.0))
def test_ladder_rises_to_the_top(count, top, ratio):
    names = tuple(f"s{number}" for number in range(count))
    rates = list(ladder(names, top, ratio).values())
    assert rates[-1] == pytest.approx(top, rel=1e-4)
    assert all(low <= high * (1 + 1e-4) for low, high in itertools.pairwise(rates))
    if count > 1:
        assert rates[0] == pytest.approx(top * ratio, rel=1e-4)

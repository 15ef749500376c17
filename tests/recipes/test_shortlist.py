import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recipe_kinds import CLASSES_ONLY
from tlzoo import paths, registry
from tlzoo.recipes.catalog import make_plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.shortlist import FEW, FEW_TEXTS, class_weights, examples_a_class, shortlist

CARDS = {name: registry.backbones(paths.zoo_dir()).get(name) for name in ("minilm_l6", "efficientnet_lite0")}


def names(card, facts, shift="unknown"):
    return [entry.recipe for entry in shortlist(CARDS[card], facts, shift)]


@pytest.mark.parametrize(
    ("card", "each", "shift", "expected"),
    [
        ("efficientnet_lite0", FEW, "near", ["fine_tune", "soup"]),
        ("efficientnet_lite0", FEW, "unknown", ["fine_tune", "soup"]),
        ("efficientnet_lite0", FEW, "far", ["fine_tune", "discriminative", "soup"]),
        ("efficientnet_lite0", FEW - 1, "near", ["l2_sp", "fine_tune", "lora"]),
        ("efficientnet_lite0", FEW - 1, "far", ["fine_tune", "discriminative"]),
        ("minilm_l6", FEW_TEXTS, "near", ["few_shot", "lora", "fine_tune"]),
        ("minilm_l6", FEW_TEXTS + 1, "far", ["fine_tune", "gradual_unfreeze", "lora"]),
    ],
)
def test_by_size_and_shift(card, each, shift, expected):
    assert names(card, Facts(train=2 * each, classes=2), shift) == expected


@given(
    st.sampled_from(sorted(CARDS)),
    st.integers(1, 10**6),
    st.integers(2, 1000),
    st.sampled_from(["classification", "multilabel", "regression"]),
    st.sampled_from(["near", "far", "unknown"]),
)
def test_whatever_is_listed_can_be_planned_and_never_looks_at_the_test_split(
    card, train, classes, task, shift
):
    facts = Facts(train=train, classes=1 if task == "regression" else classes, task=task)
    found = shortlist(CARDS[card], facts, shift)
    assert found
    assert len({entry.recipe for entry in found}) == len(found)
    for entry in found:
        plan = make_plan(entry.recipe, CARDS[card], facts, entry.options)
        assert not plan.transductive
        assert entry.why
        if task != "classification":
            assert entry.recipe not in CLASSES_ONLY


def test_examples_a_class():
    assert examples_a_class(Facts(train=300, classes=3)) == 100
    assert examples_a_class(Facts(train=300, classes=1, task="regression")) == 30


@pytest.mark.parametrize(
    ("counts", "weights"), [((400, 100), "none"), ((401, 100), "sqrt"), ((9, 0), "none"), ((), "none")]
)
def test_uneven_classes_are_weighted(counts, weights):
    assert class_weights(Facts(train=sum(counts), classes=2, counts=counts))[0] == weights
    sets = Facts(train=sum(counts), classes=2, counts=counts, task="multilabel")
    assert class_weights(sets)[0] == "none"

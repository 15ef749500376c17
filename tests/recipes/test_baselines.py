"""What baselines see, and what is advised by what was seen."""

import pytest

from tlzoo import registry
from tlzoo.recipes.baselines import Seen, last_tuning, mitigations, probe_options, scratch_options
from tlzoo.recipes.catalog import make_plan
from tlzoo.recipes.facts import Facts

IMAGES = Facts(120, 3, (40, 40, 40), "dihedral")
TEXTS = Facts(300, 3, (100, 100, 100), "none")


def planned(recipe, backbone="efficientnet_lite0", facts=IMAGES, **options):
    card = registry.backbones().get(backbone)
    return card, make_plan(recipe, card, facts, options)


def test_scratch_sees_what_the_run_saw():
    card, plan = planned(
        "fine_tune", size=64, resize="pad", batch_size=16, crop=0.6, mixup=0.2, class_weights="sqrt"
    )
    options = scratch_options(plan, card)
    again = make_plan("scratch", card, IMAGES, {**options, "epochs": 7, "rate": 1e-3})
    mine, theirs = last_tuning(plan), again.phases[0]
    assert (again.size, again.resize, again.class_weights) == (plan.size, plan.resize, plan.class_weights)
    assert (theirs.augment, theirs.batch_size) == (mine.augment, mine.batch_size)
    assert (theirs.epochs, again.pretrained) == (7, False)


@pytest.mark.parametrize("symmetry", ["none", "horizontal", "dihedral"])
def test_symmetries_are_handed_on(symmetry):
    card, plan = planned("fine_tune", symmetry=symmetry)
    assert scratch_options(plan, card)["symmetry"] == symmetry


def test_a_probe_leaves_scratch_its_own_batches_and_changes():
    card, plan = planned("feature_extraction", size=48)
    assert scratch_options(plan, card) == {"size": (48, 48)}
    assert last_tuning(plan) is None


def test_texts_have_a_length_and_no_size():
    card, plan = planned("fine_tune", "minilm_l6", TEXTS, length=32)
    assert scratch_options(plan, card) == {"length": 32, "batch_size": 32}
    assert probe_options(plan, card) == {"length": 32}
    assert make_plan("scratch", card, TEXTS, scratch_options(plan, card)).length == 32


def names(found):
    return [each.name for each in found]


def test_frozen_features_are_tuned_first():
    card, plan = planned("feature_extraction", size=48)
    found = mitigations(plan, card, IMAGES, Seen(-0.1, others=("efficientnet_lite1", "resnet50")))
    assert names(found) == ["fine_tune", "an earlier cut", "L2-SP", "BSS", "another backbone"]
    assert found[1].options["top"] == 0
    assert (found[-1].backbone, found[-1].recipe) == ("efficientnet_lite1", "feature_extraction")
    assert "40 examples a class" in found[2].why


def test_a_better_probe_speaks_for_frozen_features():
    card, plan = planned("fine_tune")
    assert "frozen features" in names(mitigations(plan, card, IMAGES, Seen(-0.1, 0.02)))
    assert "frozen features" not in names(mitigations(plan, card, IMAGES, Seen(-0.1, -0.2)))
    why = next(
        each.why
        for each in mitigations(plan, card, IMAGES, Seen(-0.1, 0.02))
        if each.name == "frozen features"
    )
    assert "12.0 points" in why


def test_what_was_done_already_is_not_advised():
    card, plan = planned("l2_sp", top=0)
    found = names(mitigations(plan, card, IMAGES, Seen(-0.1)))
    assert not {"L2-SP", "an earlier cut", "fine_tune", "another backbone"} & set(found)


def test_advice_can_be_planned_as_it_is():
    for recipe in ("feature_extraction", "fine_tune", "discriminative"):
        card, plan = planned(recipe, size=48)
        for each in mitigations(plan, card, IMAGES, Seen(-0.1, 0.1, ("efficientnet_lite1",))):
            made = make_plan(each.recipe, registry.backbones().get(each.backbone), IMAGES, each.options)
            assert made.size == (48, 48)

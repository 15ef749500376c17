import hashlib

import pytest
from pydantic import ValidationError

from tlzoo.plans import Augment, Lora, Penalty, Phase, Plan, Pseudo

LATER = {"keep", "milestones", "penalty", "batch_share", "co_tuning", "soup", "lora", "pseudo"}


def phase(**changes):
    facts = {"name": "head", "inputs": "features", "trains": ("head",), "rates": {"head": 1e-3}, "epochs": 2}
    return Phase(**(facts | {"batch_size": 8} | changes))


def plan(**changes):
    facts = {"recipe": "feature_extraction", "backbone": "b", "size": (32, 32), "phases": (phase(),)}
    return Plan(**(facts | changes))


def test_json_both_ways_gives_the_same_plan():
    original = plan(phases=(phase(l2=(0.1, 1.0)), phase(name="again")))
    assert Plan.model_validate_json(original.model_dump_json()) == original


def test_digest_changes_with_any_number():
    assert plan().digest == plan().digest
    assert plan().digest != plan(seed=1).digest
    assert plan().digest != plan(phases=(phase(epochs=3),)).digest


def test_digests_do_not_change_for_what_came_later():
    """Runs on disk and people's notes name plans by their digest."""
    assert plan().digest == "a2c5c3f72ffb"
    assert plan(phases=(phase(), phase(name="again", milestones=(0.5,), schedule="milestones"))).digest != (
        plan(phases=(phase(), phase(name="again", milestones=(0.25,), schedule="milestones"))).digest
    )


def test_a_digest_from_before_plans_knew_which_epoch_to_keep_stays():
    old = plan().model_dump_json(exclude={"task": True, "phases": {0: LATER}})
    assert "keep" not in old
    assert "lora" not in old
    assert Plan.model_validate_json(old) == plan()
    assert plan().digest == hashlib.sha256(old.encode()).hexdigest()[:12]
    tune = {"inputs": "tokens", "name": "tune"}
    assert plan(phases=(phase(**tune, keep="last"),)).digest != plan(phases=(phase(**tune),)).digest


def test_digests_of_plans_that_keep_the_last_epoch_do_not_change_for_what_came_later():
    """They say which epoch every phase keeps, as they did when that was the newest field."""
    last = plan(phases=(phase(), phase(inputs="tokens", name="tune", keep="last")))
    old = last.model_dump_json(exclude={"task": True, "phases": {"__all__": LATER - {"keep"}}})
    assert old.count('"keep"') == 2
    assert last.digest == hashlib.sha256(old.encode()).hexdigest()[:12]


def test_diff_names_what_differs():
    assert plan().diff(plan(seed=3, phases=(phase(epochs=5),))) == {"phases.0.epochs": (2, 5), "seed": (0, 3)}
    assert plan().diff(plan()) == {}


def test_plans_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        plan().seed = 3


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rates": {"other": 1.0}}, "rates for"),
        ({"trains": ("head", "top"), "rates": {"head": 1.0, "top": 1.0}}, "only the head can train"),
        ({"inputs": "pixels", "l2": (0.1,)}, "belong to cached features"),
        ({"epochs": 0}, "greater than 0"),
        ({"warmup": 1.0}, "less than 1"),
        ({"epoch": 3}, "Extra inputs"),
        ({"schedule": "milestones"}, "go with the schedule"),
        ({"milestones": (0.5,)}, "go with the schedule"),
        ({"penalty": Penalty(kind="bss", strength=0.1)}, "penalty means nothing"),
        ({"soup": 3}, "soup means nothing"),
        ({"inputs": "pixels", "soup": 3, "keep": "last"}, "a soup is of the best epochs"),
        ({"inputs": "pixels", "lora": Lora(rank=1, alpha=1), "batchnorm": "train"}, "nothing else moves"),
    ],
)
def test_phases_that_make_no_sense_are_refused(changes, why):
    with pytest.raises(ValidationError, match=why):
        phase(**changes)


def test_two_phases_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="repeat"):
        plan(phases=(phase(), phase()))


def test_augment_that_changes_nothing_is_not_active():
    assert not Augment(flip="none").active
    assert Augment(flip="none", brightness=0.1).active
    assert Augment().active


@pytest.mark.parametrize("kind", ["l2_sp", "delta"])
def test_nothing_strays_from_random_weights(kind):
    tune = phase(inputs="pixels", penalty=Penalty(kind=kind, strength=0.1))
    plan(phases=(tune,))
    with pytest.raises(ValidationError, match="nothing can stray"):
        plan(phases=(tune,), pretrained=False)


def test_penalties_are_part_of_the_digest():
    digests = {
        plan(phases=(phase(inputs="pixels", penalty=penalty),)).digest
        for penalty in (None, Penalty(kind="bss", strength=0.1), Penalty(kind="bss", strength=0.2))
    }
    assert len(digests) == 3


def test_examples_are_labelled_by_a_model_that_has_learned_something():
    label = phase(inputs="pixels", name="self1", pseudo=Pseudo(confidence=0.9))
    with pytest.raises(ValidationError, match="'self1' is the first, and nothing before it could label"):
        plan(phases=(label,))
    assert plan(phases=(phase(), label)).transductive
    assert not plan().transductive
    with pytest.raises(ValidationError, match="pseudo means nothing"):
        phase(pseudo=Pseudo(confidence=0.9))

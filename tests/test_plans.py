import pytest
from pydantic import ValidationError

from tlzoo.plans import Augment, Phase, Plan


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

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.metrics.calibration import fit_temperature, softmax
from tlzoo.metrics.vector_scaling import Scaling, choose_scaling, fit_vector


def sampled(factors, offsets, n=3000, seed=0):
    """Returns logits that need just these factors and offsets, and labels."""
    random = np.random.default_rng(seed)
    rows = random.normal(scale=2, size=(n, len(factors)))
    rows -= rows.mean(axis=1, keepdims=True)
    chances = softmax(rows * factors + offsets)
    return rows, (chances.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)


def loss(rows, labels):
    return -np.log(softmax(rows)[np.arange(len(labels)), labels]).mean()


def test_finds_what_made_the_data():
    rows, labels = sampled([0.5, 1.0, 2.0], [1.0, 0.0, -1.0], n=20_000)
    found, again = fit_vector(rows, labels), sampled([0.5, 1.0, 2.0], [1.0, 0.0, -1.0], seed=5)
    assert found.offsets == pytest.approx([1.0, 0.0, -1.0], abs=0.25)
    assert found.factors == pytest.approx([0.5, 1.0, 2.0], rel=0.15)
    assert loss(found(again[0]), again[1]) < loss(again[0] / fit_temperature(rows, labels), again[1]) - 0.05


def test_slopes_are_those_of_the_loss():
    rows, labels = sampled([0.7, 1.3], [0.4, -0.4], n=80)
    best = fit_vector(rows, labels)

    def objective(scaling):
        logs = np.log(softmax(scaling(rows)))
        smoothing = 1 / 82
        targets = (1 - smoothing) * np.eye(2)[labels] + smoothing / 2
        start = np.log(1 / fit_temperature(rows, labels))
        pull = np.sum((np.log(scaling.factors) - start) ** 2) + np.sum(np.square(scaling.offsets))
        return -(targets * logs).sum() / 80 + pull / 160

    for change in (0.02, -0.02):
        moved = Scaling((best.factors[0] * (1 + change), best.factors[1]), best.offsets)
        shifted = Scaling(best.factors, (best.offsets[0] + change, best.offsets[1] - change))
        assert objective(best) < min(objective(moved), objective(shifted))


def test_chosen_where_classes_differ_and_decisions_may_change():
    rows, labels = sampled([0.4, 1.0, 2.5], [1.5, 0.0, -1.5], n=1500)
    allowed, kept = (choose_scaling(rows, labels, may_change=change) for change in (True, False))
    assert allowed.kind == "vector"
    assert allowed.gain > allowed.noise > 0
    assert allowed.changed > 0
    assert (kept.kind, kept.reason) == ("temperature", "vector scaling would change decisions")


@given(st.integers(0, 200), st.integers(2, 5), st.integers(10, 60))
def test_unless_allowed_no_decision_changes(seed, classes, n):
    random = np.random.default_rng(seed)
    rows, labels = random.normal(scale=3, size=(n, classes)), random.integers(0, classes, n)
    choice = choose_scaling(rows, labels)
    if choice.kind == "vector":
        assert np.array_equal(choice.scaling(rows).argmax(axis=1), rows.argmax(axis=1))
    assert choice.temperature == fit_temperature(rows, labels)


def test_one_temperature_is_enough_where_one_made_the_data():
    kinds = [choose_scaling(*sampled([0.5] * 3, [0.0] * 3, n=200, seed=seed)).kind for seed in range(12)]
    assert kinds.count("temperature") >= 9


def test_a_shift_of_all_logits_means_nothing():
    rows, labels = sampled([0.7, 1.3, 1.0], [0.4, -0.4, 0.0], n=100)
    shifted = rows + np.linspace(-9, 9, 100)[:, None]
    np.testing.assert_allclose(
        fit_vector(shifted, labels)(shifted), fit_vector(rows, labels)(rows), atol=1e-6
    )


def test_too_few_examples_choose_the_temperature():
    choice = choose_scaling(np.eye(3) * 4, np.arange(3))
    assert (choice.kind, choice.gain, choice.noise) == ("temperature", 0.0, 0.0)


def test_a_class_without_examples_is_left_near_the_temperature():
    rows = np.random.default_rng(0).normal(size=(60, 3)) * 3
    found = fit_vector(rows, rows[:, :2].argmax(axis=1))
    assert np.isfinite(found(rows)).all()


def test_refuses_infinite_logits():
    with pytest.raises(ValueError, match="finite"):
        fit_vector(np.array([[np.inf, 0.0]]), np.array([0]))

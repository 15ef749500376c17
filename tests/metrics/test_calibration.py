import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tlzoo.metrics.calibration import TEMPERATURES, ece, fit_temperature, reliability, softmax

logits = arrays(
    np.float64, st.tuples(st.integers(1, 20), st.integers(2, 5)), elements=st.integers(-3000, 3000)
).map(lambda whole: whole / 100)


def sampled(true_temperature, n=4000, classes=5, seed=0):
    random = np.random.default_rng(seed)
    rows = random.normal(scale=3, size=(n, classes))
    chances = softmax(rows, true_temperature)
    labels = (chances.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return rows, labels


def test_softmax_does_not_overflow():
    assert softmax(np.array([[1e4, 0.0], [-1e4, -1e4]])).tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_reliability_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.6, 0.4], [0.4, 0.6]])
    found = reliability(np.array([0, 1, 0, 0]), probabilities, bins=5)
    assert found.counts.tolist() == [0, 0, 2, 0, 2]
    assert found.accuracy[[2, 4]].tolist() == [0.5, 0.5]
    assert found.confidence[[2, 4]].tolist() == pytest.approx([0.6, 0.95])
    assert np.isnan(found.accuracy[[0, 1, 3]]).all()
    assert found.ece == pytest.approx((0.1 + 0.45) / 2)


def test_ece_of_the_certain():
    assert ece(np.array([0, 1]), np.eye(2)) == 0.0
    assert ece(np.array([1, 0]), np.eye(2)) == 1.0


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_finds_the_temperature_that_made_the_data(temperature):
    assert fit_temperature(*sampled(temperature)) == pytest.approx(temperature, rel=0.08)


def test_is_the_minimum_of_the_smoothed_loss():
    rows, labels = sampled(2.0, n=60)
    smoothing = 1 / 62

    def loss(temperature):
        logs = np.log(softmax(rows, temperature))
        return -np.mean((1 - smoothing) * logs[np.arange(60), labels] + smoothing * logs.mean(axis=1))

    best = fit_temperature(rows, labels)
    assert all(loss(best) <= loss(best * factor) for factor in (0.9, 0.99, 1.01, 1.1))


def test_better_calibrated_afterwards():
    rows, labels = sampled(3.0)
    fitted = fit_temperature(rows[:2000], labels[:2000])
    before, after = (ece(labels[2000:], softmax(rows[2000:], t)) for t in (1.0, fitted))
    assert after < before / 3


def test_separable_data_does_not_ask_for_certainty():
    rows = 8 * np.eye(3)[np.arange(30) % 3]
    fitted = fit_temperature(rows, np.arange(30) % 3)
    assert TEMPERATURES[0] < fitted < TEMPERATURES[1]
    assert 0.9 < softmax(rows, fitted).max() < 1 - 1e-3


def test_a_validation_split_of_one_class():
    assert (
        TEMPERATURES[0]
        <= fit_temperature(np.array([[3.0, 0.0]] * 5), np.zeros(5, np.int64))
        <= TEMPERATURES[1]
    )


def test_all_wrong_softens_as_far_as_allowed():
    assert fit_temperature(np.array([[3.0, 0.0]] * 5), np.ones(5, np.int64)) == pytest.approx(TEMPERATURES[1])


@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.full((4, 3), 7.0)])
def test_nothing_to_learn_from(rows):
    assert fit_temperature(rows, np.zeros(len(rows), np.int64)) == 1.0


def test_refuses_infinite_logits():
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.array([[np.inf, 0.0]]), np.array([0]))


@given(logits, st.integers(0, 1000))
def test_temperature_stays_in_bounds_and_changes_no_decision(rows, seed):
    labels = np.random.default_rng(seed).integers(0, rows.shape[1], len(rows))
    fitted = fit_temperature(rows, labels)
    assert TEMPERATURES[0] <= fitted <= TEMPERATURES[1] * (1 + 1e-9)
    assert np.array_equal(softmax(rows, fitted).argmax(axis=1), softmax(rows).argmax(axis=1))


@given(logits, st.integers(0, 1000), st.integers(1, 20))
def test_ece_is_a_share(rows, seed, bins):
    labels = np.random.default_rng(seed).integers(0, rows.shape[1], len(rows))
    found = reliability(labels, softmax(rows), bins)
    assert 0 <= found.ece <= 1
    assert found.counts.sum() == len(rows)

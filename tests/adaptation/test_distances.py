"""Distances against their definitions."""

import numpy as np
import pytest
import scipy.linalg

from tlzoo.adaptation.distances import (
    a_distance,
    coral_distance,
    deviations,
    distances,
    frechet_distance,
    mmd,
)


@pytest.fixture
def random():
    return np.random.default_rng(5)


def mixed(random, n, d):
    """Features whose covariance is no multiple of the identity."""
    return random.normal(size=(n, d)) @ random.normal(size=(d, d)) + random.normal(size=d)


def test_frechet_distance_is_the_formula_with_the_square_root(random):
    a, b = mixed(random, 80, 6), mixed(random, 50, 6)
    S, T = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(S @ T).real
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(S + T - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_of_fewer_examples_than_features_is_the_same_formula(random):
    a, b = mixed(random, 9, 20), mixed(random, 7, 20)
    S, T = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values = np.linalg.eigvals(S @ T).real
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(S + T)
    expected -= 2 * np.sqrt(np.maximum(values, 0)).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_is_zero_for_equal_sets_and_blind_to_rotation(random):
    a, b = mixed(random, 60, 5), mixed(random, 60, 5)
    turn = np.linalg.qr(random.normal(size=(5, 5)))[0]
    assert frechet_distance(a, a[::-1]) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b), rel=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_coral_distance_sees_covariances_and_nothing_else(random):
    a = mixed(random, 50, 4)
    assert coral_distance(a, a + 7) == pytest.approx(0.0, abs=1e-12)
    expected = np.square(np.cov(a, rowvar=False) * (1 - 4)).sum() / (4 * 16)
    assert coral_distance(a, 2 * a) == pytest.approx(expected)


@pytest.mark.parametrize("gap", [0.0, 0.5, 2.0, 50.0])
def test_a_distance_lies_between_0_and_2_and_grows(random, gap):
    a, b = random.normal(size=(150, 8)), random.normal(size=(90, 8))
    found = a_distance(a, b + gap)
    assert 0 <= found <= 2
    assert a_distance(a, b + gap + 0.7) >= found


def test_a_distance_of_two_halves_is_near_0_and_of_what_never_meets_2(random):
    a = random.normal(size=(400, 4))
    assert a_distance(a[::2], a[1::2]) < 0.3
    assert a_distance(a, a + 99) == 2.0


def test_a_small_domain_weighs_as_much_as_a_large_one(random):
    # Always naming the larger one would be right for 95 of 100 and is worth nothing.
    a, b = random.normal(size=(380, 4)), random.normal(size=(20, 4))
    assert a_distance(a, b) < 0.7


def test_mmd_is_the_double_sum_without_the_diagonal(random):
    a, b = random.normal(size=(7, 3)), random.normal(size=(5, 3)) + 1
    together = np.concatenate([a, b])
    square = np.array([[np.sum((p - q) ** 2) for q in together] for p in together])
    median = np.median([square[i, j] for i in range(12) for j in range(i + 1, 12)])

    def kernel(p, q):
        return np.mean([np.exp(-np.sum((p - q) ** 2) / (f * median)) for f in (0.25, 0.5, 1, 2, 4)])

    within_a = np.mean([kernel(a[i], a[j]) for i in range(7) for j in range(7) if i != j])
    within_b = np.mean([kernel(b[i], b[j]) for i in range(5) for j in range(5) if i != j])
    between = np.mean([kernel(p, q) for p in a for q in b])
    assert mmd(a, b) == pytest.approx(within_a + within_b - 2 * between)


def test_mmd_of_one_distribution_is_about_0(random):
    a = random.normal(size=(300, 5))
    assert abs(mmd(a[:150], a[150:])) < 0.01 < mmd(a[:150], a[150:] + 1)
    assert mmd(np.ones((4, 2)), np.ones((5, 2))) == 0.0


def test_a_feature_that_never_varies_divides_by_1():
    assert deviations(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist() == [1.0, 1.0]


def test_all_at_once_and_what_is_refused(random):
    a, b = random.normal(size=(30, 3)), random.normal(size=(20, 3))
    found = distances(a, b).to_dict()
    assert set(found) == {"a_distance", "frechet", "coral", "mmd"}
    assert found["coral"] == coral_distance(a, b)
    with pytest.raises(ValueError, match="same d"):
        distances(a, b[:, :2])
    with pytest.raises(ValueError, match="8 or more"):
        distances(a, b[:5])

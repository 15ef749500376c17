import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.metrics.selective import guaranteed, risk_coverage


def answers(n, seed=0):
    """Returns confidences that are honest: an answer is right as often as it says."""
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.5, 1, n)
    return confidence, random.random(n) < confidence


def test_curve_by_hand():
    curve = risk_coverage(np.array([0.6, 0.9, 0.8, 0.7]), np.array([False, True, True, False]))
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([0, 0, 1 / 3, 0.5])
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.aurc == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert curve.at(0.5) == (0.8, 1.0)
    assert curve.at(0.51) == (0.7, pytest.approx(2 / 3))
    assert curve.at(1.0) == (0.6, 0.5)


def test_equal_confidences_go_together():
    curve = risk_coverage(np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, True, False, False]))
    assert curve.coverage.tolist() == [0.25, 1.0]
    assert curve.at(0.5) == (0.5, 0.5)


def test_the_best_order_has_no_excess_and_the_worst_much():
    right = np.arange(1000) >= 200
    best, worst = (risk_coverage(sign * np.arange(1000.0), right) for sign in (1, -1))
    assert best.excess == pytest.approx(0, abs=1e-3)
    assert worst.excess > 0.3


def test_nothing_right_and_all_right():
    confidence = np.linspace(0, 1, 9)
    assert risk_coverage(confidence, np.ones(9, bool)).aurc == 0
    assert risk_coverage(confidence, np.zeros(9, bool)).excess == 0


@given(st.integers(1, 200), st.integers(0, 1000))
def test_the_whole_curve_ends_in_the_error_rate(n, seed):
    confidence, right = answers(n, seed)
    curve = risk_coverage(np.round(confidence, 1), right)
    assert curve.coverage[-1] == 1
    assert curve.risk[-1] == pytest.approx(1 - right.mean())
    assert (np.diff(curve.thresholds) < 0).all()
    given_share = np.mean(np.round(confidence, 1) >= curve.at(0.6)[0])
    assert given_share >= 0.6 - 1e-9


def test_a_guarantee_breaks_no_more_often_than_it_says():
    broken = 0
    for seed in range(200):
        found = guaranteed(*answers(400, seed), accuracy=0.85, sure=0.9)
        if found is not None:
            # Honest confidences above t, uniform up to 1, are right (1 + t) / 2 of the time.
            broken += (1 + found.threshold) / 2 < 0.85
    assert broken <= 200 * 0.1


def test_more_examples_withhold_less():
    few, many = (guaranteed(*answers(n), accuracy=0.85) for n in (300, 30_000))
    assert few is None or few.coverage < many.coverage
    assert many.bound >= 0.85
    assert many.accuracy > many.bound
    assert many.coverage == pytest.approx(0.6, abs=0.06)  # 0.7 .. 1 of 0.5 .. 1


def test_what_cannot_be_guaranteed_is_not():
    assert guaranteed(np.linspace(0, 1, 10), np.ones(10, bool), accuracy=0.95) is None
    assert guaranteed(np.linspace(0, 1, 500), np.zeros(500, bool), accuracy=0.5) is None


def test_all_answers_where_all_are_right():
    found = guaranteed(np.linspace(0, 1, 2000), np.ones(2000, bool), accuracy=0.95)
    assert (found.coverage, found.threshold) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("confidence", "right"), [([], []), ([0.5], [True, False]), ([np.nan], [True]), ([[0.5]], [[True]])]
)
def test_refuses_what_has_no_curve(confidence, right):
    with pytest.raises(ValueError, match="Confidence"):
        risk_coverage(np.array(confidence, float), np.array(right, bool))

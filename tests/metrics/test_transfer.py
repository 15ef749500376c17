"""Gains over scratch: right sign, enough doubt, and the words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.metrics.bootstrap import Interval
from tlzoo.metrics.resampled import statistic
from tlzoo.metrics.transfer import gain, resample, stretch, word


def learner(right):
    values = np.asarray(right, np.float64)
    return lambda rows: values[rows].mean(axis=1)


def learners(random, share, seeds, n, spread=0.0):
    return [learner(random.random(n) < share + random.normal(0, spread)) for _ in range(seeds)]


def test_the_estimate_is_the_difference_of_means():
    mine = [learner([1, 1, 1, 0]), learner([1, 1, 0, 0])]
    theirs = [learner([1, 0, 0, 0]), learner([0, 0, 0, 0])]
    found = gain(mine, theirs, 4)
    assert found.estimate == pytest.approx(0.625 - 0.125)
    assert found.low <= found.estimate <= found.high


def test_of_errors_less_is_better_and_a_unit_divides():
    labels = np.arange(10.0)
    off = [statistic("rmse", labels, labels + by, "regression") for by in (1.0, 3.0)]
    assert gain(off[:1], off[1:], 10, lower_is_better=True, unit=4.0).estimate == pytest.approx(0.5)


def test_swapping_both_sides_turns_the_sign():
    random = np.random.default_rng(0)
    mine, theirs = learners(random, 0.8, 3, 200), learners(random, 0.6, 3, 200)
    one, other = gain(mine, theirs, 200), gain(theirs, mine, 200)
    assert one.estimate == pytest.approx(-other.estimate)
    assert one.low == pytest.approx(-other.high, abs=0.03)


def test_pairs_see_what_examples_alone_would_hide():
    random = np.random.default_rng(0)
    hard = random.random(300) < 0.4
    better = hard & (np.arange(300) % 10 != 0)  # the same examples but for every tenth
    found = gain([learner(~better)] * 2, [learner(~hard)] * 2, 300)
    assert 0 < found.low < found.estimate < found.high < 0.08


def test_few_seeds_that_differ_leave_much_in_doubt():
    random = np.random.default_rng(1)
    mine = learners(random, 0.8, 3, 5000)
    theirs = [learner(random.random(5000) < share) for share in (0.85, 0.75, 0.65)]
    found = gain(mine, theirs, 5000)
    assert found.low < 0 < found.high
    assert found.high - found.low > 2 * 2.5 * 0.1 / np.sqrt(3)


def test_where_only_seeds_waver_the_interval_is_students():
    shares = np.array([0.70, 0.74, 0.75, 0.81])
    constant = [lambda rows, share=share: np.full(len(rows), share) for share in shares]
    (values,) = resample((constant,), 1, 0, resamples=20000)
    half = np.quantile(values[1:], 0.975) - shares.mean()
    # Four seeds drawn from four have no smooth tails.
    assert half == pytest.approx(3.182 * shares.std(ddof=1) / 2, rel=0.12)


def test_intervals_hold_the_truth_as_often_as_they_say():
    random, held = np.random.default_rng(5), 0
    for _ in range(120):
        found = gain(learners(random, 0.75, 3, 200, 0.04), learners(random, 0.70, 3, 200, 0.04), 200)
        held += found.low <= 0.05 <= found.high
    assert held >= 110  # 114 are promised


@given(st.integers(2, 40))
def test_stretching_falls_with_seeds_and_ends_at_one(seeds):
    assert 1 < stretch(seeds + 1) < stretch(seeds)
    assert stretch(10**5) == pytest.approx(1, abs=1e-3)


def test_one_seed_says_nothing_of_seeds():
    assert stretch(1) == 0
    with pytest.raises(ValueError, match="1 or more of each"):
        gain([], [learner([1])], 1)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((0.05, 0.001, 0.1), "positive"),
        ((-0.05, -0.1, -0.001), "negative"),
        ((0.05, -0.001, 0.1), "neutral"),
        ((0.004, 0.002, 0.009), "neutral"),
        ((-0.004, -0.009, -0.002), "neutral"),
        ((0.0, 0.0, 0.0), "neutral"),
    ],
)
def test_words(interval, said):
    assert word(Interval(*interval), 0.01) == said

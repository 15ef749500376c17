import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tlzoo.metrics.calibration import softmax
from tlzoo.metrics.conformal import Conformal, fit_sets, judge_sets, named

METHODS = ("lac", "aps", "raps")


def drawn(n, classes, seed=0, skill=2.0, shares=None):
    """Returns labels and honest but imperfect probabilities, exchangeable."""
    random = np.random.default_rng(seed)
    labels = random.choice(classes, size=n, p=shares)
    prior = np.zeros(classes) if shares is None else np.log(shares)
    return labels, softmax(random.normal(size=(n, classes)) + skill * np.eye(classes)[labels] + prior)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("classes", [2, 10])
def test_coverage_is_what_was_asked_on_average(method, coverage, classes):
    found = []
    for seed in range(100):
        labels, rows = drawn(800, classes, seed)
        rule = fit_sets(labels[:200], rows[:200], coverage, method=method, seed=seed)
        sets = rule.sets(rows[200:], seed=seed + 1000)
        found.append(judge_sets(labels[200:], sets).coverage)
    # Given the calibration examples, coverage follows a beta distribution (Vovk, 2012).
    rank = np.ceil(201 * coverage)
    law = stats.beta(rank, 201 - rank)
    assert np.mean(found) == pytest.approx(law.mean(), abs=5 * law.std() / np.sqrt(100))
    assert np.std(found) < 1.5 * np.hypot(law.std(), np.sqrt(coverage * (1 - coverage) / 600))


def test_two_classes_are_not_always_both_in_the_set():
    labels, rows = drawn(4000, 2, skill=1.0)  # wrong about one time in four
    for method in METHODS:
        rule = fit_sets(labels[:2000], rows[:2000], 0.9, method=method)
        scores = judge_sets(labels[2000:], rule.sets(rows[2000:]))
        assert scores.coverage == pytest.approx(0.9, abs=0.03)
        assert scores.size < 1.8


def test_each_class_is_promised_the_coverage_by_itself():
    labels, rows = drawn(40_000, 3, shares=[0.9, 0.05, 0.05])
    half = len(labels) // 2
    for by_class in (False, True):
        rule = fit_sets(labels[:half], rows[:half], 0.9, by_class=by_class)
        per_class = judge_sets(labels[half:], rule.sets(rows[half:])).per_class
        worst = max(abs(each - 0.9) for each in per_class)
        assert len(rule.thresholds) == (3 if by_class else 1)
        assert (worst < 0.03) == by_class


@given(st.integers(0, 500), st.integers(2, 6), st.integers(5, 60), st.sampled_from(METHODS))
def test_sets_grow_with_coverage(seed, classes, n, method):
    labels, rows = drawn(n, classes, seed)
    smaller, larger = (fit_sets(labels, rows, share, method=method).sets(rows) for share in (0.6, 0.9))
    assert (larger | ~smaller).all()


@given(st.integers(0, 500), st.integers(1, 8), st.sampled_from(METHODS), st.booleans())
def test_too_few_examples_rule_nothing_out(seed, n, method, by_class):
    labels, rows = drawn(n, 4, seed)
    rule = fit_sets(labels, rows, 0.9, method=method, by_class=by_class)  # 9 would be enough
    assert rule.sets(drawn(20, 4, seed + 1)[1]).all()
    json.dumps(rule.to_dict(), allow_nan=False)


@given(st.integers(0, 300), st.integers(2, 5))
def test_floors_say_what_sets_say(seed, classes):
    labels, rows = drawn(40, classes, seed)
    rule = fit_sets(labels, rows, 0.85, by_class=bool(seed % 2))
    assert np.array_equal(rule.sets(rows), rows >= np.array(rule.floors))


def test_whole_ranks_survive_floating_point():
    labels, rows = np.zeros(99, int), np.stack([np.arange(1, 100) / 100, 1 - np.arange(1, 100) / 100], axis=1)
    # The 55th of 99 from above, though 100 * 0.55 is a little more than 55.
    assert fit_sets(labels, rows, 0.55).floors == pytest.approx((0.45,))


def test_floors_of_ranks_are_refused():
    labels, rows = drawn(30, 3)
    with pytest.raises(ValueError, match="ranks"):
        _ = fit_sets(labels, rows, method="aps").floors


@pytest.mark.parametrize(
    ("change", "words"),
    [({"coverage": 1.0}, "coverage"), ({"coverage": 0.0}, "coverage"), ({"method": "x"}, "conformal method")],
)
def test_refuses_what_means_nothing(change, words):
    labels, rows = drawn(30, 3)
    with pytest.raises(ValueError, match=words):
        fit_sets(labels, rows, **change)


def test_scores_by_hand():
    sets = np.array([[True, False, False], [True, True, False], [False, False, False], [True, True, True]])
    found = judge_sets(np.array([0, 2, 1, 1]), sets)
    assert (found.coverage, found.size, found.singles, found.empty) == (0.5, 1.5, 0.25, 0.25)
    assert found.sizes == (1, 1, 1, 1)
    assert found.per_class == (1.0, 0.5, 0.0)
    assert named(sets, "abc") == [["a"], ["a", "b"], [], ["a", "b", "c"]]


def test_a_class_without_examples_has_no_coverage():
    assert judge_sets(np.array([0]), np.array([[True, False]])).per_class == (1.0, None)


def test_a_rule_survives_json():
    labels, rows = drawn(30, 3)
    rule = fit_sets(labels, rows)
    told = json.loads(json.dumps(rule.to_dict()))
    assert Conformal(**{**told, "thresholds": tuple(told["thresholds"])}) == rule

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from tlzoo.errors import UnknownNameError
from tlzoo.metrics import resampled
from tlzoo.metrics.bootstrap import interval, metric_interval, paired_difference, unpaired_difference
from tlzoo.metrics.calibration import ece, softmax

NAMES = sorted(resampled.METRICS)


def some(n=300, classes=4, seed=0, skill=2.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    return labels, softmax(random.normal(size=(n, classes)) + skill * np.eye(classes)[labels])


@pytest.mark.parametrize("metric", NAMES)
def test_each_resample_equals_the_metric_of_its_examples(metric):
    labels, probabilities = some()
    rows = np.random.default_rng(1).integers(0, 300, size=(5, 300))
    found = resampled.statistic(metric, labels, probabilities)(rows)
    for value, row in zip(found, rows, strict=True):
        assert value == pytest.approx(expected(metric, labels[row], probabilities[row]))


def expected(metric, labels, probabilities):
    decisions = probabilities.argmax(axis=1)
    return {
        "accuracy": lambda: metrics.accuracy_score(labels, decisions),
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(labels, decisions),
        "macro_f1": lambda: metrics.f1_score(labels, decisions, average="macro"),
        "log_loss": lambda: metrics.log_loss(labels, probabilities),
        "ece": lambda: ece(labels, probabilities),
    }[metric]()


def test_accuracy_interval_is_near_the_normal_one():
    right = (np.arange(1000) < 800).astype(float)
    found = interval(lambda rows: right[rows].mean(axis=1), 1000, seed=0)
    reach = 1.96 * np.sqrt(0.8 * 0.2 / 1000)
    assert found.low == pytest.approx(0.8 - reach, abs=0.004)
    assert found.high == pytest.approx(0.8 + reach, abs=0.004)


def test_same_seed_same_interval():
    labels, probabilities = some()
    first, again, other = (metric_interval(labels, probabilities, "log_loss", seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_a_perfect_score_on_few_examples_is_not_certain():
    found = metric_interval(np.array([0, 1, 0, 1]), np.eye(2)[[0, 1, 0, 1]])
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025**0.25)  # Clopper-Pearson
    none = metric_interval(np.array([1, 0]), np.eye(2))
    assert (none.low, none.estimate) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.025**0.5)


def test_pairing_sees_what_separate_intervals_hide():
    labels, probabilities = some(n=1000)
    better = probabilities.copy()
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)[:15]
    better[wrong] = np.eye(4)[labels[wrong]]
    paired = paired_difference(labels, better, probabilities, "accuracy")
    apart = unpaired_difference((labels, better), (labels, probabilities))
    assert paired.estimate == apart.estimate == pytest.approx(0.015)
    assert paired.excludes_zero
    assert not apart.excludes_zero


def test_paired_difference_of_the_same_is_zero():
    labels, probabilities = some()
    found = paired_difference(labels, probabilities, probabilities, "macro_f1")
    assert (found.low, found.estimate, found.high) == (0.0, 0.0, 0.0)
    assert not found.excludes_zero


def test_unpaired_of_different_sizes():
    found = unpaired_difference(some(n=2000, skill=3.0), some(n=500, seed=1, skill=0.5), "log_loss")
    assert found.low < found.estimate < found.high < 0


def test_pairs_need_one_shape():
    labels, probabilities = some()
    with pytest.raises(ValueError, match="one shape"):
        paired_difference(labels, probabilities, probabilities[:-1])


def test_no_examples():
    with pytest.raises(ValueError, match="0 examples"):
        interval(lambda rows: rows.mean(axis=1), 0, seed=0)


def test_a_misspelt_metric_suggests():
    with pytest.raises(UnknownNameError, match="Did you mean 'accuracy'"):
        metric_interval(*some(), metric="acuracy")


@pytest.mark.parametrize("metric", NAMES)
def test_fast_enough(metric):
    labels, probabilities = some(n=10_000)
    start = time.perf_counter()
    metric_interval(labels, probabilities, metric)
    assert time.perf_counter() - start < 5  # generous: machines that run tests are busy


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 1000), st.sampled_from(NAMES))
def test_holds_its_estimate(n, classes, seed, metric):
    labels, probabilities = some(n, classes, seed)
    found = metric_interval(labels, probabilities, metric, seed)
    assert found.low <= found.estimate <= found.high
    assert found.to_dict()["level"] == 0.95

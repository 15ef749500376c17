"""The ridge probe against models that are really fitted again without each example."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier
from sklearn.metrics import average_precision_score, r2_score
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, cross_val_predict

from tests.scores.test_logme import data
from tlzoo.scores.matrices import spectrum, standardised, targets
from tlzoo.scores.ridge_probe import PENALTIES, left_out, mean_average_precision, probe, ridge_probe


@pytest.mark.parametrize(("n", "d"), [(30, 60), (60, 8)])
@pytest.mark.parametrize("penalty", [0.3, 30.0])
def test_left_out_is_what_a_model_fitted_without_the_example_says(n, d, penalty):
    features, labels = data(n, d)
    features, wanted = standardised(features), 2 * targets(labels) - 1
    refitted = cross_val_predict(Ridge(penalty), features, wanted, cv=LeaveOneOut())
    np.testing.assert_allclose(left_out(spectrum(features), wanted, penalty), refitted, atol=1e-8)


def test_groups_are_left_out_together():
    features, labels = data(40, 60)
    features, wanted = standardised(features), 2 * targets(labels) - 1
    groups = np.array([0] * 7 + [1] * 3 + list(range(2, 32)))
    parts = [np.arange(7), np.arange(7, 10)]
    refitted = cross_val_predict(Ridge(2.0), features, wanted, cv=LeaveOneGroupOut(), groups=groups)
    np.testing.assert_allclose(left_out(spectrum(features), wanted, 2.0, parts), refitted, atol=1e-8)


def test_the_best_penalty_of_a_path_of_ridge_classifiers_is_found():
    features, labels = data(30, 20)
    features = standardised(features)
    scale = np.sum(features**2) / 20
    scores = [
        np.mean(
            cross_val_predict(RidgeClassifier(share * scale), features, labels, cv=LeaveOneOut()) == labels
        )
        for share in PENALTIES
    ]
    found = probe(features, labels)
    assert found.score == pytest.approx(max(scores))
    at = int(np.argmin(np.abs(np.log(np.array(PENALTIES) * scale / found.penalty))))
    assert scores[at] == max(scores)
    assert np.mean(found.outputs.argmax(axis=1) == labels) == found.score


def test_without_a_penalty_it_is_linear_regression():
    features, _ = data(50, 4)
    numbers = features @ [1.0, -2.0, 0.5, 3.0] + 10
    assert ridge_probe(features, numbers) > 0.999
    features = standardised(features)
    refitted = cross_val_predict(LinearRegression(), features, numbers, cv=LeaveOneOut())
    np.testing.assert_allclose(
        left_out(spectrum(features), numbers[:, None], 1e-9)[:, 0], refitted, atol=1e-6
    )


def test_numbers_come_back_in_their_own_unit():
    features, _ = data(60, 5)
    numbers = 1000 + 50 * (features[:, 0] + np.random.default_rng(0).normal(size=60))
    found = probe(features, numbers)
    assert found.score == pytest.approx(r2_score(numbers, found.outputs[:, 0]))
    assert abs(found.outputs.mean() - 1000) < 50


def test_sets_of_labels_are_judged_as_scikit_learn_does():
    random = np.random.default_rng(0)
    features, right = random.normal(size=(40, 6)), random.integers(0, 2, (40, 3)).astype(bool)
    outputs = np.round(features[:, :3], 1)
    wanted = average_precision_score(right, outputs, average="macro")
    assert mean_average_precision(outputs, right) == pytest.approx(wanted)
    sets = (features[:, :3] > 0).astype(np.uint8)
    assert ridge_probe(features, sets) > 0.9
    assert ridge_probe(random.normal(size=(40, 6)), sets) < 0.8


def test_duplicates_do_not_cheat_when_they_are_a_group():
    random = np.random.default_rng(0)
    features, labels = np.repeat(random.normal(size=(30, 90)), 2, axis=0), np.repeat(np.arange(30) % 2, 2)
    assert ridge_probe(features, labels) == 1
    assert ridge_probe(features, labels, np.repeat(np.arange(30), 2)) < 0.8


@pytest.mark.parametrize(
    ("features", "labels", "score"),
    [
        (np.ones((6, 3)), np.array([0, 0, 0, 0, 1, 1]), 4 / 6),
        (np.array([[0.0], [0.1], [5.0]]), np.array([0, 0, 1]), 2 / 3),
    ],
)
def test_dead_features_and_classes_of_one_have_defined_scores(features, labels, score):
    assert ridge_probe(features, labels) == pytest.approx(score)


def test_one_group_is_as_good_as_none():
    features, labels = data(20, 5)
    assert ridge_probe(features, labels, np.zeros(20, int)) == ridge_probe(features, labels)


@settings(max_examples=20, deadline=None)
@given(st.integers(8, 40), st.integers(1, 50), st.integers(2, 4), st.integers(0, 10_000))
def test_order_of_rows_and_names_of_classes_do_not_matter(n, d, classes, seed):
    random = np.random.default_rng(seed)
    features, labels = data(n, d, classes, seed)
    wanted = ridge_probe(features, labels)
    order, names = random.permutation(n), random.permutation(classes)
    assert ridge_probe(features[order], labels[order]) == pytest.approx(wanted, abs=1e-12)
    assert ridge_probe(features, names[labels]) == pytest.approx(wanted, abs=1e-12)
    numbers = features[:, 0] + random.normal(size=n)
    assert ridge_probe(features[order], numbers[order]) == pytest.approx(
        ridge_probe(features, numbers), abs=1e-9
    )

"""H-score, GBC, LEEP, NCE and k-NN: against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from tests.scores.test_logme import data
from tlzoo.scores.gbc import gbc
from tlzoo.scores.hscore import h_score
from tlzoo.scores.knn import knn
from tlzoo.scores.leep import leep
from tlzoo.scores.matrices import spectrum
from tlzoo.scores.nce import nce


def h_score_dense(features, labels):
    covariance, delta = ledoit_wolf(features)
    means = np.stack([features[labels == each].mean(axis=0) for each in labels]) - features.mean(axis=0)
    return (1 - delta) * np.trace(np.linalg.solve(covariance, means.T @ means / len(labels)))


@pytest.mark.parametrize(("n", "d"), [(40, 100), (200, 20), (50, 50)])
def test_h_score_is_that_of_ledoit_wolf(n, d):
    features, labels = data(n, d)
    assert h_score(features, labels) == pytest.approx(h_score_dense(features, labels), abs=1e-9)


def test_h_score_lies_between_nothing_and_classes_less_one():
    features, labels = data(300, 5, classes=4, signal=100.0)
    assert 2.5 < h_score(features, labels) <= 3
    assert h_score(np.ones((10, 3)), np.arange(10) % 2) == 0


def gbc_dense(features, labels):
    """For full rank and 64 features at most, pair by pair as in the paper."""
    centred = features - features.mean(axis=0)
    points = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    names = np.unique(labels)
    means = {each: points[labels == each].mean(axis=0) for each in names}
    squares = np.stack([(row - means[each]) ** 2 for row, each in zip(points, labels, strict=True)])
    within = squares.mean(axis=0)
    spread = {
        each: (squares[labels == each].sum(axis=0) + within) / ((labels == each).sum() + 1) for each in names
    }
    total = 0.0
    for a in names:
        for b in names:
            if a != b:
                both = (spread[a] + spread[b]) / 2
                distance = np.sum((means[a] - means[b]) ** 2 / both) / 8
                distance += 0.5 * np.log(np.prod(both) / np.sqrt(np.prod(spread[a]) * np.prod(spread[b])))
                total -= np.exp(-distance)
    return total


def test_gbc_is_the_sum_over_pairs():
    features, labels = data(90, 6, classes=4)
    assert gbc(features, labels) == pytest.approx(gbc_dense(features, labels), abs=1e-9)


def test_gbc_of_one_example_classes_and_of_duplicates_is_defined():
    features, labels = np.random.default_rng(0).normal(size=(12, 30)), np.array([0, *[1] * 5, *[2] * 6])
    assert -6 <= gbc(features, labels) <= 0
    twins = np.repeat(np.eye(2), 5, axis=0)
    assert -1e-9 <= gbc(twins, np.repeat([0, 1], 5)) <= 0
    assert gbc(np.ones((4, 3)), np.array([0, 1, 0, 1])) == -2


def test_leep_and_nce_by_hand():
    theta = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    labels = np.array([5, 5, 9])
    # P(y=5, z) = (1.4, 0.6)/3, P(y=9, z) = (0.3, 0.7)/3, P(z) = (1.7, 1.3)/3
    five, nine = np.array([1.4 / 1.7, 0.6 / 1.3]), np.array([0.3 / 1.7, 0.7 / 1.3])
    by_hand = np.mean([np.log(theta[0] @ five), np.log(theta[1] @ five), np.log(theta[2] @ nine)])
    assert leep(theta, labels) == pytest.approx(by_hand, abs=1e-12)
    assert nce(theta, labels) == pytest.approx(0.0, abs=1e-12)
    # z = 0 holds labels 5, 5, 9: -H = (2 ln(2/3) + ln(1/3))/3; z = 1 holds nothing.
    same = np.array([[0.8, 0.2], [0.6, 0.4], [0.7, 0.3]])
    assert nce(same, labels) == pytest.approx((2 * np.log(2 / 3) + np.log(1 / 3)) / 3, abs=1e-12)


def test_a_source_class_that_never_occurs_does_no_harm():
    theta = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert leep(theta, np.array([0, 1])) == 0
    assert nce(theta, np.array([0, 1])) == 0


@pytest.mark.parametrize("neighbours", [1, 3, 5])
def test_knn_is_scikit_learns_where_no_vote_ties(neighbours):
    features, labels = data(80, 12, classes=2)
    model = KNeighborsClassifier(neighbours)
    said = cross_val_predict(model, normalize(features), labels, cv=LeaveOneOut())
    assert knn(features, labels, neighbours=neighbours) == pytest.approx(np.mean(said == labels))


def test_knn_shares_tied_votes_and_leaves_groups_out():
    # Each example's two neighbours are one of its class and one of the other.
    features = np.array([[1.0, 0], [1.0, 0], [1.0, 0]])
    assert knn(features, np.array([0, 0, 1])) == pytest.approx((0.5 + 0.5 + 0) / 3)
    twins = np.repeat(np.random.default_rng(0).normal(size=(20, 8)), 2, axis=0)
    labels = np.repeat(np.random.default_rng(1).integers(0, 2, 20), 2)
    assert knn(twins, labels, neighbours=1) == 1
    assert knn(twins, labels, np.repeat(np.arange(20), 2), neighbours=1) < 0.9


def test_knn_of_one_group_knows_nobody():
    assert knn(np.eye(4), np.array([0, 0, 1, 1]), np.zeros(4, int)) == pytest.approx(0.5)


@pytest.mark.parametrize("score", [h_score, gbc, knn, leep, nce])
def test_scores_of_classes_do_not_apply_to_numbers_and_sets(score):
    features = np.random.default_rng(0).normal(size=(8, 3))
    assert score(features, np.arange(8.0)) is None
    assert score(features, np.eye(8, 3, dtype=np.uint8)) is None


def test_the_spectrum_is_that_of_the_svd_on_either_side():
    for shape in ((30, 8), (8, 30)):
        features = np.random.default_rng(0).normal(size=shape)
        found = spectrum(features)
        assert found.wide == (shape[0] <= shape[1])
        np.testing.assert_allclose(found.values, np.linalg.svd(features)[1] ** 2, atol=1e-10)
        np.testing.assert_allclose(found.coordinates @ found.coordinates.T, features @ features.T, atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 40), st.integers(1, 50), st.integers(2, 4), st.integers(0, 10_000))
def test_order_turns_and_names_do_not_matter(n, d, classes, seed):
    random = np.random.default_rng(seed)
    features, labels = data(n, d, classes, seed)
    order, names = random.permutation(n), random.permutation(classes)
    turn = np.linalg.qr(random.normal(size=(d, d)))[0]
    for score in (h_score, gbc, knn):
        wanted = score(features, labels)
        assert score(features[order], labels[order]) == pytest.approx(wanted, abs=1e-7), score
        assert score(features @ turn, labels) == pytest.approx(wanted, abs=1e-7), score
        assert score(features, names[labels]) == pytest.approx(wanted, abs=1e-7), score
    theta = random.dirichlet(np.ones(d), n)
    for score in (leep, nce):
        wanted = score(theta, labels)
        assert score(theta[order], labels[order]) == pytest.approx(wanted, abs=1e-9)
        assert score(theta[:, ::-1], names[labels]) == pytest.approx(wanted, abs=1e-9)

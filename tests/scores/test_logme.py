"""LogME against the model it is the evidence of, written out densely."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from tlzoo.errors import DataError
from tlzoo.scores.logme import TAU, best_evidence, logme
from tlzoo.scores.matrices import spectrum, targets

SHAPES = [(40, 200), (100, 1280), (30, 30), (200, 12), (300, 64)]


def data(n, d, classes=3, seed=0, signal=0.7):
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, n - classes)])
    features = random.normal(size=(n, d)) @ np.diag(np.geomspace(1, 0.05, d))
    features[:, :classes] += signal * np.eye(classes)[labels][:, : min(d, classes)]
    return features, labels


def dense(features, target, alpha, beta):
    """The D x D form of the paper: the weights integrated out by their own posterior."""
    n, d = features.shape
    precision = alpha * np.eye(d) + beta * features.T @ features
    mean = beta * np.linalg.solve(precision, features.T @ target)
    _, logdet = np.linalg.slogdet(precision)
    error = np.sum((target - features @ mean) ** 2)
    evidence = d / 2 * np.log(alpha) + n / 2 * np.log(beta) - logdet / 2
    return (evidence - beta / 2 * error - alpha / 2 * mean @ mean - n / 2 * np.log(2 * np.pi)) / n


def fixed_point(features, target, steps=20_000):
    """MacKay's updates on D x D matrices, carried on until they stand still."""
    n, alpha, beta = len(features), 1.0, 1.0
    eigenvalues = np.linalg.eigvalsh(features.T @ features).clip(0)
    values, vectors = np.linalg.eigh(features.T @ features)
    projected = vectors.T @ (features.T @ target)
    for _ in range(steps):
        before = alpha / beta
        gamma = np.sum(eigenvalues / (eigenvalues + before))
        mean = vectors @ (projected / (values + before))
        alpha = gamma / (mean @ mean)
        beta = (n - gamma) / np.sum((target - features @ mean) ** 2)
        if abs(alpha / beta / before - 1) < 1e-13:
            break
    return dense(features, target, alpha, beta)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_equals_the_dense_form_at_the_precisions_it_found(n, d):
    features, labels = data(n, d)
    wanted = targets(labels)
    found = best_evidence(spectrum(features), wanted)
    for at, target in enumerate(wanted.T):
        assert dense(features, target, found.alpha[at], found.beta[at]) == pytest.approx(
            found.values[at], abs=1e-8
        )
    assert logme(features, labels) == pytest.approx(found.values.mean(), abs=1e-12)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_equals_the_density_of_the_labels(n, d):
    features, labels = data(n, d, seed=1)
    wanted = targets(labels)
    found = best_evidence(spectrum(features), wanted)
    for at, target in enumerate(wanted.T):
        covariance = np.eye(n) / found.beta[at] + features @ features.T / found.alpha[at]
        density = multivariate_normal(np.zeros(n), covariance).logpdf(target) / n
        assert density == pytest.approx(found.values[at], abs=1e-8)


@pytest.mark.parametrize(("n", "d"), [(30, 200), (60, 90), (200, 12), (300, 64)])
def test_is_where_the_dense_fixed_point_ends(n, d):
    features, labels = data(n, d, seed=2, signal=2.0)
    ends = [fixed_point(features, target) for target in targets(labels).T]
    assert logme(features, labels) == pytest.approx(np.mean(ends), abs=1e-8)


@pytest.mark.parametrize(("n", "d"), [(50, 120), (120, 20)])
def test_nothing_on_a_fine_grid_is_better(n, d):
    features, labels = data(n, d, seed=3)
    target = targets(labels)[:, 0]
    found = best_evidence(spectrum(features), targets(labels))
    for alpha in found.alpha[0] * np.geomspace(0.01, 100, 21):
        for beta in found.beta[0] * np.geomspace(0.01, 100, 21):
            assert dense(features, target, alpha, beta) <= found.values[0] + 1e-9


def test_what_the_published_code_forgets_is_not_forgotten():
    """With n=100 and D=1280, -(D - n)/2 ln(alpha)/n is tens of nats: noise would score as a perfect backbone."""
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(100, 1280)), np.arange(100) % 2
    found = best_evidence(spectrum(features), targets(labels))
    forgotten = (1280 - 100) / 2 * np.abs(np.log(found.alpha)) / 100
    assert forgotten.min() > 5
    # Labels by chance: no better than a normal distribution around zero with their own mean square of one half.
    assert logme(features, labels) == pytest.approx(-0.5 * (np.log(2 * np.pi * 0.5) + 1), abs=0.3)


def test_better_features_score_better_for_classes_numbers_and_sets():
    random = np.random.default_rng(0)
    features = random.normal(size=(80, 150))
    noise = random.normal(size=(80, 150))
    numbers = features[:, 0] * 3 + 100
    sets = (features[:, :3] > 0).astype(np.uint8)
    for labels in (numbers, sets, (numbers > 100).astype(int)):
        assert logme(features, labels) > logme(noise, labels)


def test_the_unit_of_numbers_does_not_matter():
    features, _ = data(60, 20)
    numbers = features[:, 0] + 0.1 * np.arange(60)
    assert logme(features, numbers) == pytest.approx(logme(features, numbers * 1000 - 7), abs=1e-9)


@pytest.mark.parametrize(("n", "d"), [(10, 3), (5, 40)])
def test_a_perfect_fit_and_dead_features_have_defined_results(n, d):
    labels = np.arange(n) % 2
    exact = np.zeros((n, d))
    exact[:, 0], exact[:, 1] = labels, 1 - labels
    assert np.isfinite(logme(exact, labels))
    dead = logme(np.zeros((n, d)), labels)
    assert dead < logme(exact, labels)
    mean_square = targets(labels).mean(axis=0)
    assert dead == pytest.approx(np.mean(-0.5 * (np.log(2 * np.pi * mean_square) + 1)), abs=1e-9)


def test_a_label_that_is_always_or_never_there_says_nothing():
    features, labels = data(40, 10, classes=2)
    sets = np.stack([labels, 1 - labels], axis=1)
    padded = np.concatenate([sets, np.zeros((40, 1), int), np.ones((40, 1), int)], axis=1)
    assert logme(features, padded) == pytest.approx(logme(features, sets), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 40), st.integers(1, 60), st.integers(2, 4), st.integers(0, 10_000))
def test_order_of_rows_turns_of_features_and_names_of_classes_do_not_matter(n, d, classes, seed):
    random = np.random.default_rng(seed)
    n = max(n, classes)
    features, labels = data(n, d, classes, seed)
    wanted = logme(features, labels)
    order = random.permutation(n)
    turn = np.linalg.qr(random.normal(size=(d, d)))[0]
    assert logme(features[order], labels[order]) == pytest.approx(wanted, abs=1e-6)
    assert logme(features @ turn, labels) == pytest.approx(wanted, abs=1e-6)
    assert logme(features, random.permutation(classes)[labels] * 7) == pytest.approx(wanted, abs=1e-6)


def test_precisions_stay_within_bounds():
    features = np.random.default_rng(0).normal(size=(20, 50))
    found = best_evidence(spectrum(features), targets(np.arange(20) % 2))
    largest = np.linalg.eigvalsh(features @ features.T).max()
    tau = found.alpha / found.beta / largest
    assert ((tau >= TAU[0] * 0.99) & (tau <= TAU[1] * 2)).all()


@pytest.mark.parametrize(
    ("features", "labels", "says"),
    [
        (np.zeros((3, 2)), np.zeros(3, int), "same label"),
        (np.full((3, 2), np.nan), np.arange(3), "NaN"),
        (np.zeros((3, 2)), np.arange(4), "shape"),
        (np.zeros((3, 0)), np.arange(3), "without a single feature"),
        (np.zeros(3), np.arange(3), "shape"),
        (np.zeros((1, 2)), np.zeros(1, int), "shape"),
        (np.zeros((4, 2)), np.ones((4, 2), np.uint8), "same label"),
    ],
)
def test_what_cannot_be_scored_is_refused(features, labels, says):
    with pytest.raises(DataError, match=says):
        logme(features, labels)

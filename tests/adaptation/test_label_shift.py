"""Shares of classes nobody has told: recovered where the assumption holds."""

import numpy as np
import pytest

from tlzoo.adaptation.label_shift import bbse, reweighted, saerens


def mixture(random, shares, n):
    """Three overlapping classes, and the true posterior under equal shares."""
    labels = random.choice(3, n, p=shares)
    points = random.normal(size=n) + 1.7 * labels
    density = np.exp(-0.5 * (points[:, None] - 1.7 * np.arange(3)) ** 2)
    return labels, density / density.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("shares", [(0.1, 0.2, 0.7), (0.8, 0.1, 0.1), (1 / 3, 1 / 3, 1 / 3)])
def test_both_recover_a_known_shift(shares):
    random = np.random.default_rng(0)
    labels, source = mixture(random, (1 / 3,) * 3, 6000)
    _, target = mixture(random, shares, 6000)
    np.testing.assert_allclose(bbse(source, labels, target), shares, atol=0.04)
    np.testing.assert_allclose(saerens(target, np.full(3, 1 / 3)), shares, atol=0.04)


def test_bbse_stays_on_the_simplex_whatever_is_said():
    # A class nobody could have said so often: its share would exceed 1, and another's fall below 0.
    source = np.array([[0.6, 0.4], [0.4, 0.6]])
    found = bbse(source, np.array([0, 1]), np.array([[0.95, 0.05]] * 3))
    np.testing.assert_allclose(found, [1.0, 0.0], atol=1e-5)


def test_shares_that_are_right_stay():
    random = np.random.default_rng(1)
    labels, source = mixture(random, (0.5, 0.3, 0.2), 4000)
    prior = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(bbse(source, labels, source), prior, atol=1e-3)


def test_reweighting_is_bayes():
    rows = reweighted(np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([3.0, 1.0]))
    np.testing.assert_allclose(rows, [[0.75, 0.25], [2.7 / 2.8, 0.1 / 2.8]])


def test_what_does_not_fit_is_refused():
    said = np.full((4, 2), 0.5)
    with pytest.raises(ValueError, match="each class an example"):
        bbse(said, np.zeros(4, int), said)
    with pytest.raises(ValueError, match="above 0"):
        saerens(said, np.array([1.0, 0.0]))

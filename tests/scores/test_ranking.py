"""Ranks, and how sure they are."""

import numpy as np
import pytest

from tlzoo.scores.ranking import places, weighted_tau


def resampled(probes, n=400, seed=0):
    """Bootstrap values of accuracies of independent answers."""
    random = np.random.default_rng(seed)
    right = random.random((n, len(probes))) < probes
    rows = random.integers(0, n, (500, n))
    return right.mean(axis=0), right[rows].mean(axis=1)


def test_a_clear_winner_is_first_in_every_resample():
    probes, draws = resampled(np.array([0.6, 0.9, 0.3]))
    found = places(probes, np.array([0.1, 0.2, 0.0]), draws)
    assert [place.index for place in found] == [1, 0, 2]
    assert [(place.first, place.last) for place in found] == [(1, 1), (2, 2), (3, 3)]
    assert [place.within_noise for place in found] == [True, False, False]
    assert all(place.low < place.value < place.high for place in found)


def test_equals_are_within_noise_of_each_other():
    probes, draws = resampled(np.array([0.8, 0.81, 0.4, 0.8]))
    found = places(probes, np.zeros(4), draws)
    assert {place.index for place in found if place.within_noise} == {0, 1, 3}
    assert found[0].last > 1
    assert found[3].index == 2


def test_the_probe_decides_and_logme_settles_what_is_equal():
    probes, logmes = np.array([0.9, 1.0, 0.8, 1.0, 1.0]), np.array([9.0, 1.0, 8.0, 3.0, 2.0])
    found = places(probes, logmes, np.tile(probes, (10, 1)))
    assert [place.index for place in found] == [3, 4, 1, 0, 2]
    assert [place.value for place in found] == [1.0, 1.0, 1.0, 0.9, 0.8]
    assert [place.within_noise for place in found] == [True, True, True, False, False]


def test_one_backbone_is_first():
    (place,) = places(np.array([0.5]), np.array([0.0]), np.full((10, 1), 0.5))
    assert (place.first, place.last, place.within_noise) == (1, 1, True)


def test_weighted_tau_weighs_the_top():
    truth = np.arange(8.0)
    assert weighted_tau(truth, truth) == pytest.approx(1)
    assert weighted_tau(-truth, truth) == pytest.approx(-1)
    top, bottom = truth.copy(), truth.copy()
    top[[7, 6]], bottom[[0, 1]] = top[[6, 7]], bottom[[1, 0]]
    assert weighted_tau(top, truth) < weighted_tau(bottom, truth) < 1

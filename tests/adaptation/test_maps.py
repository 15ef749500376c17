"""Closed forms against what they promise."""

import numpy as np
import pytest

from tlzoo.adaptation import maps


@pytest.fixture
def domains():
    random = np.random.default_rng(2)
    mix = random.normal(size=(2, 6, 6))
    return random.normal(size=(300, 6)) @ mix[0] + 3, random.normal(size=(200, 6)) @ mix[1] - 1


def covariance(features):
    return np.cov(features, rowvar=False)


def test_standardise_gives_both_domains_the_same_means_and_deviations(domains):
    found = maps.standardise(*domains)
    for each, features in zip((found.source, found.target), domains, strict=True):
        np.testing.assert_allclose(each(features).mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(each(features).std(axis=0), 1)


def test_none_lets_the_target_stay_where_it_is(domains):
    found = maps.none(*domains)
    assert found.source is found.target
    assert np.abs(found.target(domains[1]).mean(axis=0)).max() > 0.5


def test_coral_gives_the_source_the_covariance_of_the_target(domains):
    found = maps.coral(*domains, shrinkage=1e-9)
    left, right = found.source(domains[0]), found.target(domains[1])
    np.testing.assert_allclose(covariance(left), covariance(right), atol=1e-6)
    np.testing.assert_allclose(left.mean(axis=0), right.mean(axis=0), atol=1e-9)


def test_whitening_gives_the_identity(domains):
    # Towards a target that is white already, CORAL is whitening.
    white = np.random.default_rng(0).normal(size=(50, 6))
    white = (white - white.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(covariance(white))).T
    found = maps.coral(domains[0], white, shrinkage=1e-9)
    np.testing.assert_allclose(
        covariance(found.source(domains[0])), covariance(found.target(white)), atol=1e-6
    )


def test_all_shrinkage_is_standardisation(domains):
    found, plain = maps.coral(*domains, shrinkage=1.0), maps.standardise(*domains)
    np.testing.assert_allclose(found.source(domains[0]), plain.source(domains[0]), atol=1e-9)


def test_coral_stands_fewer_examples_than_features():
    random = np.random.default_rng(3)
    found = maps.coral(random.normal(size=(5, 40)), random.normal(size=(6, 40)))
    assert np.isfinite(found.source.scale).all()
    with pytest.raises(ValueError, match="above 0"):
        maps.coral(np.eye(3), np.eye(3), shrinkage=0.0)


@pytest.mark.parametrize("align", [maps.none, maps.standardise, maps.coral])
def test_a_map_before_a_head_is_another_head(domains, align):
    random = np.random.default_rng(4)
    kernel, bias = random.normal(size=(6, 3)), random.normal(size=3)
    found = align(*domains)
    for each, features in zip((found.source, found.target), domains, strict=True):
        folded_kernel, folded_bias = each.before(kernel, bias)
        expected = each(features) @ kernel + bias
        np.testing.assert_allclose(features @ folded_kernel + folded_bias, expected, atol=1e-4)


def test_what_is_served_of_coral_is_a_diagonal(domains):
    assert maps.coral(*domains).target.scale.ndim == 1

"""Heads that learn from both domains: each objective brings the target nearer, and one Dense layer comes out."""

from dataclasses import replace

import numpy as np
import pytest

from tlzoo.alignment.learner import Learning, learn
from tlzoo.alignment.pull import OBJECTIVES

pytestmark = pytest.mark.slow

QUICK = Learning("mcc", width=8, steps=100, batch_size=32, rate=0.02, strength=1.0)


@pytest.fixture(scope="module")
def drifted():
    """Two classes; the target has drifted along a feature that a careless head leans on."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 300)
    features = random.normal(size=(300, 6)).astype(np.float32)
    features[:, :3] += 1.2 * (2 * labels[:, None] - 1)
    target, truth = features[150:].copy(), labels[150:]
    target[:, 0] += 3.5
    return features[:150], labels[:150], target, truth


def right(head, features, labels):
    kernel, bias = head
    return np.mean((features @ kernel + bias).argmax(axis=1) == labels)


def gap(head, source, target):
    """How far apart the domains lie in what the head says, in deviations of the source."""
    first, second = ((features @ head[0] + head[1]) @ np.array([-1, 1]) for features in (source, target))
    return abs(first.mean() - second.mean()) / first.std()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_helps_where_a_feature_has_drifted(drifted, objective):
    source, labels, target, truth = drifted
    how = replace(QUICK, objective=objective, steps=300)  # an adversary comes slowly
    alone = learn(source, labels, target, 2, replace(how, trade_off=0.0))
    pulled = learn(source, labels, target, 2, replace(how, trade_off=2.0))
    assert pulled[0].shape == (6, 2)
    assert right(pulled, source, labels) > 0.75
    assert gap(pulled, source, target) < gap(alone, source, target)
    assert right(pulled, target, truth) > right(alone, target, truth)


def test_the_same_seed_gives_the_same_head(drifted):
    source, labels, target, _ = drifted
    first, again = (learn(source, labels, target, 2, replace(QUICK, steps=20)) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    other = learn(source, labels, target, 2, replace(QUICK, steps=20, seed=1))
    assert not np.array_equal(first[0], other[0])


def test_a_strong_penalty_keeps_the_kernel_small(drifted):
    source, labels, target, _ = drifted
    free = learn(source, labels, target, 2, QUICK)
    held = learn(source, labels, target, 2, replace(QUICK, strength=1e-3))
    assert np.linalg.norm(held[0]) < 0.5 * np.linalg.norm(free[0])


def test_domains_smaller_than_a_batch(drifted):
    source, labels, target, _ = drifted
    kernel, _ = learn(source[:10], labels[:10], target[:7], 2, replace(QUICK, steps=4))
    assert np.isfinite(kernel).all()

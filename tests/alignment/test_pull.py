"""The one layer that every objective is learned through."""

import numpy as np
import pytest
import tensorflow as tf

from tlzoo.alignment.losses import coral_loss, mcc_loss, mmd_loss
from tlzoo.alignment.pull import OBJECTIVES, Pull


@pytest.fixture
def batches():
    random = np.random.default_rng(0)
    low, high = (tf.Variable(random.normal(size=(8, 4)).astype(np.float32)) for _ in range(2))
    logits = tuple(tf.constant(random.normal(size=(8, 3)).astype(np.float32)) for _ in range(2))
    return (low, high), logits


def built(objective):
    pull = Pull(objective, 3)
    pull.build((None, 4))
    return pull


def test_differences_are_the_losses_times_their_factor(batches):
    features, logits = batches
    expected = {"mmd": mmd_loss(*features), "coral": coral_loss(*features), "mcc": mcc_loss(logits[1])}
    for objective, value in expected.items():
        added, bare = built(objective).loss(features, logits, 0.5)
        assert float(bare) == pytest.approx(float(value), rel=1e-5)
        assert float(added) == pytest.approx(0.5 * float(value), rel=1e-5)


@pytest.mark.parametrize(("objective", "width"), [("dann", 4), ("cdan", 12)])
def test_an_adversary_sees_what_its_objective_says(objective, width):
    pull = built(objective)
    assert pull.adversary.weights[0].shape == (width, 128)
    assert len(pull.trainable_variables) == 6


@pytest.mark.parametrize("objective", ["dann", "cdan"])
def test_the_adversary_learns_and_what_is_before_it_deceives(batches, objective):
    """Its own gradient does not depend on the factor; that of the features is reversed, and as large as the factor."""
    features, logits = batches
    pull = built(objective)

    def gradients(factor):
        with tf.GradientTape() as tape:
            added, _ = pull.loss(features, logits, tf.constant(factor))
        kernel = pull.adversary.weights[0].value
        return tape.gradient(added, [features[0], kernel])

    (one, own), (twice, same), (still, _) = gradients(1.0), gradients(2.0), gradients(0.0)
    np.testing.assert_allclose(own, same, rtol=1e-5)
    np.testing.assert_allclose(2 * one, twice, rtol=1e-5)
    assert np.abs(one).max() > 0
    assert not np.any(still)


def test_the_same_seed_gives_the_same_adversary():
    first, again, other = (Pull("dann", 2, seed) for seed in (0, 0, 5))
    for each in (first, again, other):
        each.build((None, 4))
    np.testing.assert_array_equal(first.weights[0], again.weights[0])
    assert not np.array_equal(first.weights[0], other.weights[0])


def test_only_adversaries_have_weights():
    assert {each for each in OBJECTIVES if built(each).weights} == {"dann", "cdan"}

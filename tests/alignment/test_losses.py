"""What pulls domains together, against definitions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tlzoo.alignment.losses import (
    conditioned,
    coral_loss,
    mcc_loss,
    mmd_loss,
    ramp,
    reversed_gradient,
)


@pytest.fixture
def random():
    return np.random.default_rng(0)


def number(value):
    return float(keras.ops.convert_to_numpy(value))


def batch(random, *shape):
    return tf.constant(random.normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("loss", [mmd_loss, coral_loss])
def test_equal_batches_have_no_difference_and_moved_ones_have(random, loss):
    a = batch(random, 16, 4)
    assert number(loss(a, a)) == pytest.approx(0.0, abs=1e-5)
    assert number(loss(a, a + 1.0)) > 0.01
    assert number(loss(a, a + 2.0)) > number(loss(a, a + 1.0))


def test_mmd_is_the_mean_over_kernels_and_pairs(random):
    a, b = random.normal(size=(5, 3)), random.normal(size=(5, 3)) + 1
    both = np.concatenate([a, b])
    squares = np.square(both[:, None] - both[None]).sum(axis=-1)
    kernel = np.mean([np.exp(-squares / (f * squares.mean())) for f in (0.25, 0.5, 1, 2, 4)], axis=0)
    expected = kernel[:5, :5].mean() + kernel[5:, 5:].mean() - 2 * kernel[:5, 5:].mean()
    found = mmd_loss(tf.constant(a, tf.float32), tf.constant(b, tf.float32))
    assert number(found) == pytest.approx(expected, rel=1e-3)


def test_coral_is_means_and_covariances(random):
    a, b = random.normal(size=(30, 3)), 2 * random.normal(size=(30, 3)) + 1
    difference = np.cov(a, rowvar=False) - np.cov(b, rowvar=False)
    expected = np.square(difference).mean() + np.square(a.mean(0) - b.mean(0)).mean()
    found = coral_loss(tf.constant(a, tf.float32), tf.constant(b, tf.float32))
    assert number(found) == pytest.approx(expected, rel=1e-4)


def test_class_confusion_is_least_for_sure_answers_that_name_every_class():
    sure = tf.constant(np.tile(np.eye(3, dtype=np.float32) * 60, (4, 1)))
    torn = tf.constant(np.zeros((12, 3), np.float32))
    assert number(mcc_loss(sure)) == pytest.approx(0.0, abs=1e-4)
    assert number(mcc_loss(torn)) == pytest.approx(2 / 3, rel=1e-4)
    assert number(mcc_loss(sure / 30)) < number(mcc_loss(sure / 60)) < number(mcc_loss(torn))


def test_a_step_down_the_gradient_makes_classes_less_confused(random):
    logits = tf.Variable(random.normal(size=(20, 4)).astype(np.float32))
    with tf.GradientTape() as tape:
        before = mcc_loss(logits)
    logits.assign_sub(5.0 * tape.gradient(before, logits))
    assert number(mcc_loss(logits)) < number(before)


def test_a_reversed_gradient_changes_its_sign_and_nothing_else(random):
    values = tf.Variable(batch(random, 3, 2))
    with tf.GradientTape() as tape:
        out = reversed_gradient(values, tf.constant(0.5))
        loss = tf.reduce_sum(out * 3.0)
    np.testing.assert_array_equal(out, values)
    np.testing.assert_allclose(tape.gradient(loss, values), np.full((3, 2), -1.5))


def test_the_adversary_comes_slowly():
    assert number(ramp(tf.constant(0.0))) == pytest.approx(0.0)
    assert number(ramp(tf.constant(1.0))) == pytest.approx(2 / (1 + np.exp(-10)) - 1)


def test_conditioning_is_the_outer_product():
    features = tf.constant([[1.0, 2.0]])
    found = conditioned(features, tf.math.log(tf.constant([[0.25, 0.75]])))
    np.testing.assert_allclose(found, [[0.25, 0.5, 0.75, 1.5]], rtol=1e-6)

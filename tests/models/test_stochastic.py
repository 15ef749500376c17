import keras
import numpy as np
import pytest

from tlzoo.models.stochastic import Stochastic

IMAGES = np.random.default_rng(0).normal(2, 3, (6, 4, 4, 50)).astype(np.float32)


def network(trainable=True):
    pixels = keras.Input((4, 4, 50))
    layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3)
    model = keras.Model(pixels, layer(pixels))
    random = np.random.default_rng(1)
    for variable in layer.weights:
        variable.assign(random.uniform(0.5, 2, variable.shape))
    layer.trainable = trainable
    return model, layer


def normalised(layer, mean, variance):
    gamma, beta = np.array(layer.gamma), np.array(layer.beta)
    return gamma * (IMAGES - mean) / np.sqrt(variance + 1e-3) + beta


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_each_channel_takes_one_branch_or_the_other(share):
    model, layer = network()
    moving = normalised(layer, np.array(layer.moving_mean), np.array(layer.moving_variance))
    batch = normalised(layer, IMAGES.mean(axis=(0, 1, 2)), IMAGES.var(axis=(0, 1, 2)))
    before = np.array(layer.moving_mean)
    got = np.array(Stochastic(model, [layer], share, seed=3)(IMAGES, training=True))
    is_batch = np.isclose(got, batch, atol=1e-3).all(axis=(0, 1, 2))
    is_moving = np.isclose(got, moving, atol=1e-3).all(axis=(0, 1, 2))
    assert (is_batch ^ is_moving).all()
    assert is_batch.mean() == pytest.approx(share, abs=0.2 if share == 0.5 else 0)
    expected = 0.9 * before + 0.1 * IMAGES.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(np.array(layer.moving_mean), expected, rtol=1e-4)


def test_coins_differ_from_step_to_step_and_begin_with_the_seed():
    outputs = []
    for _ in range(2):
        model, layer = network()
        body = Stochastic(model, [layer], 0.5, seed=3)
        outputs.append([np.array(body(IMAGES, training=True)) for _ in range(2)])
        assert any("seed" in variable.path for variable in body.variables)
    assert not np.allclose(outputs[0][0], outputs[0][1], atol=0.1)
    np.testing.assert_array_equal(outputs[0][0], outputs[1][0])


def test_outside_training_it_is_batchnorm():
    model, layer = network()
    body = Stochastic(model, [layer], 0.5, seed=0)
    np.testing.assert_array_equal(body(IMAGES, training=False), model(IMAGES, training=False))
    assert "call" not in vars(layer)
    assert len(body.weights) == len(model.weights)


def test_a_frozen_layer_stays_as_it_is():
    model, layer = network(trainable=False)
    body = Stochastic(model, [layer], 0.5, seed=0)
    before = [np.array(weight) for weight in layer.weights]
    np.testing.assert_array_equal(body(IMAGES, training=True), model(IMAGES, training=False))
    assert all(np.array_equal(np.array(w), b) for w, b in zip(layer.weights, before, strict=True))

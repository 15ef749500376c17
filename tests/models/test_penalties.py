"""Penalties against NumPy, and what they do to a loss and to gradients."""

import keras
import numpy as np
import pytest

from tlzoo.backbones.load import load_backbone
from tlzoo.models.assemble import assemble
from tlzoo.models.penalties import (
    Penalised,
    StartingPoint,
    half_squares,
    make_penalty,
    map_distance,
    smallest_squares,
)
from tlzoo.plans import Penalty

pytestmark = pytest.mark.usefixtures("tiny")
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (6, 32, 32, 3)).astype(np.float32)


def test_half_squares():
    arrays = [RANDOM.normal(size=(3, 4)), RANDOM.normal(size=5)]
    tensors = [keras.ops.convert_to_tensor(each, "float32") for each in arrays]
    assert float(half_squares(tensors)) == pytest.approx(
        sum((each**2).sum() for each in arrays) / 2, rel=1e-5
    )


@pytest.mark.parametrize("shape", [(3, 5, 5, 7), (3, 6, 7), (3, 7)])
def test_map_distance(shape):
    mine, theirs = RANDOM.normal(size=(2, *shape)).astype(np.float32)
    expected = 0.5 * ((mine - theirs) ** 2).sum(axis=-1).mean()
    assert float(map_distance(mine, theirs)) == pytest.approx(expected, rel=1e-5)
    half = float(map_distance(mine.astype(np.float16), theirs.astype(np.float16)))
    assert half == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (1, 4), (6, 6)])
@pytest.mark.parametrize("smallest", [1, 2])
def test_smallest_singular_values_and_their_gradient(shape, smallest):
    import tensorflow as tf

    features = tf.Variable(RANDOM.normal(size=shape).astype(np.float32))
    with tf.GradientTape() as tape:
        value = smallest_squares(features, smallest)
    left, sigma, right = np.linalg.svd(features.numpy(), full_matrices=False)
    assert float(value) == pytest.approx((sigma[-smallest:] ** 2).sum(), rel=1e-4)
    # The derivative of a singular value is the outer product of its vectors.
    expected = sum(2 * sigma[k] * np.outer(left[:, k], right[k]) for k in range(len(sigma))[-smallest:])
    np.testing.assert_allclose(tape.gradient(value, features), expected, atol=1e-4)


def test_equal_singular_values_have_a_gradient_too():
    import tensorflow as tf

    features = tf.Variable(np.eye(4, dtype=np.float32))
    with tf.GradientTape() as tape:
        value = smallest_squares(features, 2)
    assert float(value) == pytest.approx(2.0)
    assert np.isfinite(tape.gradient(value, features).numpy()).all()


@pytest.fixture(params=["float32", "mixed_float16"])
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def moved(stages, batchnorm="frozen"):
    """Returns a backbone whose trained stages have left the pretrained weights, and one that has not."""
    mine, source = load_backbone("tiny"), load_backbone("tiny")
    mine.train(stages, batchnorm=batchnorm)
    for variable in mine.network.trainable_variables:
        variable.assign(np.array(variable) + RANDOM.normal(0, 0.05, variable.shape))
    return mine, source


def loss_of(backbone, penalty, source, stages, training):
    head = keras.layers.Dense(3, dtype="float32", name="head")
    term = make_penalty(penalty, backbone, source, stages, head)
    model = assemble(backbone, head, body=Penalised(backbone.model, term))
    model(PIXELS, training=training)
    return sum(float(loss) for loss in model.losses), model


def test_l2_sp_is_the_distance_of_what_trains(policy):
    mine, source = moved(["block", "top"])
    loss, model = loss_of(mine, Penalty(kind="l2_sp", strength=0.1, head=0.5), source, ["block", "top"], True)
    distance = sum(
        ((np.array(a) - np.array(b)) ** 2).sum()
        for a, b in zip(mine.network.weights, source.network.weights, strict=True)
    )
    norm = sum((np.array(v) ** 2).sum() for v in model.get_layer("head").trainable_variables)
    assert loss == pytest.approx(0.5 * 0.1 * distance + 0.5 * 0.5 * norm, rel=1e-4)


def test_l2_sp_knows_no_moving_statistics():
    mine, source = moved(["top"], batchnorm="train")
    for layer in mine.batchnorms():
        layer.moving_mean.assign(np.array(layer.moving_mean) + 1)
    term = make_penalty(Penalty(kind="l2_sp", strength=1.0), mine, source, ["top"], None)
    assert isinstance(term, StartingPoint)
    assert {variable.path.split("/")[-1] for variable, _ in term._pairs} == {"kernel", "gamma", "beta"}


def test_delta_is_the_distance_of_feature_maps(policy):
    mine, source = moved(["block", "top"])
    loss, _ = loss_of(mine, Penalty(kind="delta", strength=0.1), source, ["block", "top"], True)
    expected = 0.0
    for name in ("block_out", "top_out"):
        maps = [
            np.array(
                keras.Model(each.network.input, each.network.get_layer(name).output)(
                    each.model.get_layer("preprocess")(PIXELS)
                )
            ).astype(np.float32)
            for each in (mine, source)
        ]
        expected += 0.5 * ((maps[0] - maps[1]) ** 2).sum(axis=-1).mean()
    assert loss == pytest.approx(0.1 * expected, rel=1e-4 if policy == "float32" else 2e-2)


def test_bss_is_of_the_features(policy):
    mine, _ = moved(["top"])
    loss, _ = loss_of(mine, Penalty(kind="bss", strength=0.1, smallest=2), None, ["top"], True)
    sigma = np.linalg.svd(np.array(mine.model(PIXELS)), compute_uv=False)
    expected = 0.1 * (sigma[-2:] ** 2).sum()
    assert loss == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("kind", ["l2_sp", "delta", "bss"])
def test_nothing_is_paid_outside_training_and_features_are_the_same(kind):
    mine, source = moved(["top"])
    loss, model = loss_of(mine, Penalty(kind=kind, strength=1.0, head=1.0), source, ["top"], False)
    assert loss == 0
    plain = assemble(mine, model.get_layer("head"))
    for training in (False, True):
        np.testing.assert_array_equal(model(PIXELS, training=training), plain(PIXELS, training=training))
    assert len(model.weights) == len(plain.weights)  # the pretrained network is no part of it

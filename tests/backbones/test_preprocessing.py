"""The preprocessing layer against the library's own functions."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tlzoo.backbones.preprocessing import Preprocess
from tlzoo.cards import Preprocessing
from tlzoo.errors import CardError

LITE = {"mean": (127.0, 127.0, 127.0), "scale": (128.0, 128.0, 128.0)}
EVERY_VALUE = np.repeat(np.arange(256, dtype="float32").reshape(1, 16, 16, 1), 3, axis=-1)


def _library(pixels, mode):
    return keras.applications.imagenet_utils.preprocess_input(pixels, mode=mode)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_eagerly_it_equals_the_library_on_arrays_bit_for_bit(mode):
    np.testing.assert_array_equal(
        np.asarray(Preprocess(mode)(EVERY_VALUE)), _library(EVERY_VALUE.copy(), mode)
    )


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_in_a_graph_it_equals_the_library_in_a_graph_bit_for_bit(mode):
    layer = Preprocess(mode)
    ours = tf.function(lambda x: layer(x))(EVERY_VALUE)
    theirs = tf.function(lambda x: _library(x, mode))(tf.constant(EVERY_VALUE))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_graph_and_eager_differ_by_a_last_place_at_most(mode):
    layer = Preprocess(mode)
    eager = np.asarray(layer(EVERY_VALUE))
    np.testing.assert_allclose(tf.function(lambda x: layer(x))(EVERY_VALUE), eager, rtol=3e-7, atol=5e-7)


def test_affine_and_in_model():
    np.testing.assert_array_equal(
        np.asarray(Preprocess("affine", **LITE)(EVERY_VALUE)), (EVERY_VALUE - 127) / 128
    )
    np.testing.assert_array_equal(np.asarray(Preprocess("in_model")(EVERY_VALUE)), EVERY_VALUE)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch", "in_model"])
def test_integer_pixels_are_the_same_pixels(mode):
    layer = Preprocess(mode)
    np.testing.assert_array_equal(
        np.asarray(layer(EVERY_VALUE.astype("uint8"))), np.asarray(layer(EVERY_VALUE))
    )


def test_half_precision_never_reaches_the_pixels():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        out = Preprocess("torch")(EVERY_VALUE)
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(out.dtype) == "float32"


def test_it_is_saved_with_the_model(tmp_path):
    pixels = keras.Input((4, 4, 3))
    model = keras.Model(pixels, Preprocess.from_card(Preprocessing(convention="affine", **LITE))(pixels))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    x = EVERY_VALUE[:, :4, :4]
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.output_shape == (None, 4, 4, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("imagenet",), "'imagenet' is unknown. Allowed: caffe, tf, torch, affine, in_model."),
        (("affine",), "'affine' with mean=None, scale=None."),
        (("tf", (1, 2, 3), (1, 2, 3)), "'tf' with mean="),
    ],
)
def test_what_does_not_fit_is_refused(arguments, said):
    with pytest.raises(CardError) as caught:
        Preprocess(*arguments)
    assert said in str(caught.value)

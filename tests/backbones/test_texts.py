"""Text backbones from tiny presets: lengths, chunks, the exact GELU, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.text_families import write_preset
from tlzoo.backbones import keras_private
from tlzoo.backbones.load import load_backbone
from tlzoo.backbones.texts import exact_gelu
from tlzoo.errors import CardError, UsageError

LONG = "the quick fox over the dog s " * 12


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return write_preset("bert", tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def backbone(card):
    return load_backbone(card)


def _features(backbone, *texts):
    return np.asarray(backbone.model(backbone.encoder(tf.constant(texts))))


def test_tokens_in_features_out(backbone):
    assert backbone.model.input_shape == (None, None)
    assert backbone.model.output_shape == (None, 16)
    assert backbone.size == (0, 0)
    assert backbone.encoder.length == 48
    assert _features(backbone, "the fox").dtype == np.float32


def test_the_length_is_the_cards(card):
    long = card.model_copy(update={"input": card.input.model_copy(update={"length": 512})})
    assert load_backbone(long, pretrained=False).encoder.length == 512
    assert load_backbone(card, length=10).encoder.length == 10


def test_more_than_the_network_sees_is_refused(card):
    with pytest.raises(UsageError, match=r"up to 48 tokens.*\n?.*chunks"):
        load_backbone(card, length=49)
    with pytest.raises(UsageError, match="takes texts, and size"):
        load_backbone(card, size=(224, 224))


def test_a_text_of_full_length_is_computed(backbone):
    assert backbone.encoder(tf.constant([LONG])).shape == (1, 48)
    assert np.isfinite(_features(backbone, LONG)).all()


def test_chunks_are_averaged(card, backbone):
    chunked = load_backbone(card, length=8, long_text="chunks")
    tokens = chunked.encoder(tf.constant([LONG]))
    assert tokens.shape == (1, 64)
    parts = np.asarray(backbone.model(tf.reshape(tokens, (8, 8))))
    np.testing.assert_allclose(_features(chunked, LONG)[0], parts.mean(0), atol=1e-5)


def test_chunks_never_change_by_company(card):
    chunked = load_backbone(card, length=8, long_text="chunks")
    texts = ["", "the fox", "the quick fox over the dog s", LONG]
    together = _features(chunked, *texts)
    assert np.isfinite(together).all()
    for text, features in zip(texts, together, strict=True):
        np.testing.assert_allclose(_features(chunked, text)[0], features, atol=1e-5)


def test_normalised_features_have_length_one(card):
    backbone = load_backbone(card.model_copy(update={"normalise": True}))
    np.testing.assert_allclose(np.linalg.norm(_features(backbone, "the fox", ""), axis=1), 1, rtol=1e-5)


def test_the_hash_of_the_weights_is_the_same_each_time(card, backbone):
    assert load_backbone(card).weights_hash == backbone.weights_hash


def test_an_exact_gelu_reaches_every_block(card):
    network = load_backbone(card).network
    exact_gelu(network)
    names = [
        layer.activation.__name__
        for _, layer in keras_private.walk(network)
        if getattr(layer, "activation", None) is not None
    ]
    assert names.count("gelu") == 4  # two blocks: each says so, and its Dense layer computes it
    assert "gelu_approximate" not in names


def test_an_exact_gelu_is_not_put_where_none_is_approximate():
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "gelu")], name="plain")
    with pytest.raises(CardError, match=r"plain: no layer computes an approximate GELU.*\n?.*Remove `gelu`"):
        exact_gelu(network)

"""One contract for every card of word vectors, with random vectors; and one with GloVe's own."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.sources.conftest import glove  # noqa: F401
from tlzoo import paths, registry
from tlzoo.backbones.load import load_backbone
from tlzoo.backbones.stages import resolve_stages
from tlzoo.sources.locator import parse_locator
from tlzoo.sources.networks import load_network

CARDS = [card for card in registry.backbones(paths.zoo_dir()) if card.family == "word_vectors"]
TEXTS = ["The film wasn't bad at all; I'd see it again.", "", "A dull, lifeless, by-the-numbers sequel."]


@pytest.fixture(scope="module", params=CARDS, ids=lambda card: card.name)
def built(request):
    card = request.param
    yield card, load_network(card, pretrained=False, size=(0, 0))
    keras.backend.clear_session()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_card_says_where_its_numbers_come_from(card):
    assert parse_locator(card.locator).package
    assert card.weights_file
    assert card.checksums[0].sha256
    assert card.citation
    assert card.licence == "PDDL-1.0"
    assert card.tokenizer.kind == "words"
    assert card.stages[0].name == "embedding"


@pytest.mark.slow
def test_params_and_features_are_what_the_card_says(built):
    card, network = built
    assert network.count_params() == card.params
    assert network.output_shape == (None, card.features)
    assert network.input.dtype == "int32"


def test_stages_hold_every_weight_once_and_have_something_to_learn(built):
    card, network = built
    stages = resolve_stages(network, card.stages)
    held = [id(weight) for stage in stages for layer in stage.layers for weight in layer.weights]
    assert len(held) == len(set(held))
    assert set(held) == {id(weight) for weight in network.weights}
    for stage in stages:
        assert any(layer.trainable_weights for layer in stage.layers), stage.name


@pytest.mark.slow
def test_pretrained_backbones_turn_texts_into_features(glove):  # noqa: F811
    hashes = {}
    for card in CARDS:
        backbone = load_backbone(card.name)
        tokens = backbone.encoder(tf.constant(TEXTS))
        features = np.asarray(backbone.model(tokens, training=False))
        assert features.shape == (3, card.features)
        assert np.isfinite(features).all()
        assert backbone.network.count_params() == card.params
        wider = tf.pad(tokens, [[0, 0], [0, 30]], constant_values=-1)
        np.testing.assert_array_equal(np.asarray(backbone.model(wider, training=False)), features)
        hashes[card.name] = backbone.weights_hash
    assert len(set(hashes.values())) == len(CARDS)  # features are cached by them


def test_words_that_mean_alike_lie_close(glove):  # noqa: F811
    """Bare nouns: among whole sentences, the words all of them share decide how close their means lie."""
    backbone = load_backbone("glove_50d")
    texts = ["dog, cat", "puppies, kittens", "interest, rates"]
    vectors = np.asarray(backbone.model(backbone.encoder(tf.constant(texts)), training=False))
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > far + 0.05


@pytest.mark.slow
def test_an_export_needs_tensorflow_alone(glove, tmp_path):  # noqa: F811
    """Strings to features as one SavedModel, loaded where there is neither tlzoo nor tensorflow_text nor Keras."""
    backbone = load_backbone("glove_50d_sif")
    module = tf.Module()
    module.tracked = [backbone.encoder.tokenizer.resources, backbone.model]
    spec = [tf.TensorSpec((None,), tf.string)]
    module.features = tf.function(
        lambda texts: backbone.model(backbone.encoder(texts), training=False), input_signature=spec
    )
    tf.saved_model.save(module, tmp_path / "export")
    code = f"""
import sys
import numpy as np
import tensorflow as tf
model = tf.saved_model.load({str(tmp_path / "export")!r})
np.save({str(tmp_path / "got.npy")!r}, model.features(tf.constant({TEXTS!r})).numpy())
print(*[name for name in ("tensorflow_text", "tlzoo", "keras_hub") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.split() == []
    np.testing.assert_allclose(
        np.load(tmp_path / "got.npy"), module.features(tf.constant(TEXTS)).numpy(), rtol=1e-6, atol=1e-7
    )
    size = sum(path.stat().st_size for path in (tmp_path / "export").rglob("*") if path.is_file())
    assert 80e6 < size < 90e6  # the vectors once, and the words

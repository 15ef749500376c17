"""Every family's tiny member: those of TransformerEncoder blocks give the same, the others are refused."""

import keras_hub
import numpy as np
import pytest
from keras import layers

from tests import text_families
from tlzoo.backbones.load import load_backbone
from tlzoo.errors import UsageError
from tlzoo.features.fused import FusedBlock, fused
from tlzoo.features.text_engines import FusedTextEngine, GraphTextEngine
from tlzoo.features.text_extract import computed
from tlzoo.features.tokens import open_texts

pytestmark = pytest.mark.slow

UNDERSTOOD = ["bert", "distilbert", "electra", "roberta", "albert", "xlm_roberta"]
TEXTS = [*text_families.LINES, *text_families.ODD]


@pytest.fixture(scope="module")
def member(tmp_path_factory):
    cards = {}

    def made(name, **changes):
        if name not in cards:
            cards[name] = text_families.write_preset(name, tmp_path_factory.mktemp(name))
        return load_backbone(cards[name].model_copy(update=changes))

    return made


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_the_same_vectors_of_odd_texts(member, name):
    backbone = member(name)
    inputs = open_texts(backbone.encoder, TEXTS)
    rows = np.arange(len(TEXTS))
    expected = computed(GraphTextEngine(backbone), inputs, rows, 16)
    found = computed(FusedTextEngine(backbone), inputs, rows, 16)
    assert np.ptp(expected, axis=0).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("gelu", ["exact", "tanh"])
def test_the_same_however_it_is_pooled_and_whatever_its_gelu(member, pooling, gelu):
    architecture = {**member("bert").card.architecture, "gelu": gelu}
    backbone = member("bert", pooling=pooling, normalise=pooling == "mean", architecture=architecture)
    tokens = np.random.default_rng(0).integers(0, 30, (3, 11), dtype=np.int32)
    tokens[1, 4:] = -1
    np.testing.assert_allclose(fused(backbone)(tokens), backbone.model(tokens), atol=1e-5)


@pytest.mark.parametrize("width", [2, 3, 31, 47, 48])
def test_any_length_the_network_sees(member, width):
    backbone = member("bert")
    tokens = np.random.default_rng(width).integers(0, 30, (5, width), dtype=np.int32)
    tokens[np.arange(width) >= np.array([1, width, width, (width + 1) // 2, 1])[:, None]] = -1
    np.testing.assert_allclose(fused(backbone)(tokens), backbone.model(tokens), atol=1e-5)


def test_weights_are_those_it_was_made_with_and_the_network_keeps_its_own_blocks(member):
    backbone = member("bert")
    tokens = np.arange(12, dtype=np.int32).reshape(2, 6)
    before, frozen = backbone.model(tokens).numpy(), fused(backbone)
    for weight in backbone.network.get_layer("encoder").get_layer("transformer_layer_1").weights:
        weight.assign(weight * 1.5)
    assert np.abs(backbone.model(tokens) - before).max() > 1e-3
    np.testing.assert_allclose(frozen(tokens), before, atol=1e-5)


@pytest.mark.parametrize("name", ["gpt2", "deberta_v3", "gemma3"])
def test_other_networks_are_refused(member, name):
    with pytest.raises(UsageError, match=r"No transformer blocks.*TransformerEncoder.*engine=graph"):
        fused(member(name))


@pytest.mark.parametrize("changes", [{"normalize_first": True}, {"dtype": "mixed_bfloat16"}])
def test_blocks_that_compute_something_else_are_refused(changes):
    block = keras_hub.layers.TransformerEncoder(8, 2, **changes)
    block.build((None, None, 4))
    with pytest.raises(UsageError, match="can be rewritten"):
        FusedBlock(block)


def test_a_block_without_padding_needs_no_mask():
    block = keras_hub.layers.TransformerEncoder(8, 2, activation="relu", bias_initializer="ones")
    inputs = layers.Input((None, 4))
    block(inputs)
    vectors = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    np.testing.assert_allclose(FusedBlock(block)(vectors), block(vectors), atol=1e-5)

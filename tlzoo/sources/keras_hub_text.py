"""KerasHub's text networks, seen as networks from one tensor of tokens to a sequence of vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import CardError, WeightsError
from tlzoo.sources import strict

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard

OWN = ("class", "gelu", "padding")
"""Keys of a text card's `architecture` that are no arguments of its class: `gelu` is read by `backbones`."""


def load(card: BackboneCard, folder: Path | None, *, weights: bool = True) -> keras.Model:
    """Builds a text network.

    Args:
        card: `architecture` names the class of `keras_hub.models` and its arguments, and may say `padding`, the
            number that stands where a text has ended (by default 0; it is masked).
        folder: A KerasHub preset or a Hugging Face folder to take architecture and weights from; None builds the
            card's architecture with random weights.
        weights: False takes only the architecture from the folder.

    Returns:
        A functional model from tokens int32 (b, t), -1 where a text has ended, to float32 (b, t, d); or to (b, d)
        where the card says `pooling = "none"` and the network has a pooler.

    Raises:
        WeightsError: The folder does not hold such a network, or its weights do not fit.
        CardError: The architecture cannot be built.
    """
    return _from_tokens(card, _random(card) if folder is None else _from_folder(card, folder, weights))


def _from_folder(card: BackboneCard, folder: Path, weights: bool) -> keras.Model:
    import keras_hub

    from tlzoo.sources.keras_hub import quiet_stdout

    try:
        with quiet_stdout(), strict.nothing_skipped():
            return keras_hub.models.Backbone.from_preset(str(folder), load_weights=weights)
    except (ValueError, TypeError, KeyError, OSError, UserWarning) as error:
        raise WeightsError(
            f"{card.name}: {folder} does not load: {error}.",
            allowed="a whole KerasHub preset or a Hugging Face folder that KerasHub converts.",
            do="Fetch it again, or mend the card.",
        ) from error


def _random(card: BackboneCard) -> keras.Model:
    from tlzoo.sources.keras_hub import named_class

    build, name = named_class(card, "BertBackbone"), card.architecture["class"]
    try:
        return build(**{key: value for key, value in card.architecture.items() if key not in OWN})
    except (ValueError, TypeError) as error:
        raise CardError(
            f"{card.name}: {name} cannot be built: {error}.", do="Mend the card's [architecture]."
        ) from error


def _from_tokens(card: BackboneCard, backbone: keras.Model) -> keras.Model:
    """Puts the one tensor of tokens in front of the network's own inputs."""
    import keras

    from tlzoo.sources.token_layers import Segments, TokenIds, TokenMask

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    ids = TokenIds(card.architecture.get("padding", 0), name="ids")(tokens)
    known = {"token_ids": ids, "padding_mask": TokenMask(name="mask")(tokens)}
    known["segment_ids"] = Segments(name="segments")(ids)
    wanted = backbone.input
    if not isinstance(wanted, dict) or not wanted.keys() <= known.keys():
        raise CardError(
            f"{card.name}: {type(backbone).__name__} takes {sorted(wanted) if isinstance(wanted, dict) else wanted}.",
            allowed=f"networks of {', '.join(sorted(known))}.",
            do="Use another preset.",
        )
    encoder = keras.Model(wanted, _output(card, backbone), name="encoder")
    return keras.Model(tokens, encoder({name: known[name] for name in wanted}), name=card.name)


def _output(card: BackboneCard, backbone: keras.Model) -> Any:
    """Returns the sequence of vectors, or the one vector of the network's own pooler."""
    outputs = backbone.output
    if not isinstance(outputs, dict):
        return outputs
    wanted = "pooled_output" if card.pooling == "none" else "sequence_output"
    if wanted not in outputs:
        raise CardError(
            f"{card.name}: {type(backbone).__name__} gives {', '.join(sorted(outputs))}, no {wanted}.",
            allowed="pooling = mean, cls or last for networks without a pooler.",
            do="Mend the card's `pooling`.",
        )
    return outputs[wanted]

"""From what a network gives for every position to one vector."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tlzoo")
class MaskedMean(keras.layers.Layer):
    """Averages vectors (b, t, d) over the tokens of each text; padding does not count."""

    def call(self, sequence: Any, tokens: Any) -> Any:
        """Returns float32 (b, d); zeros for a text without a token."""
        ops = keras.ops
        mask = ops.expand_dims(ops.cast(tokens >= 0, sequence.dtype), -1)
        return ops.sum(sequence * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1)


@keras.saving.register_keras_serializable(package="tlzoo")
class LastToken(keras.layers.Layer):
    """Takes the vector of the last token that is no padding: the only one that has seen a decoder's whole text."""

    def call(self, sequence: Any, tokens: Any) -> Any:
        """Returns (b, d) from vectors (b, t, d) and tokens (b, t)."""
        ops = keras.ops
        last = ops.maximum(ops.sum(ops.cast(tokens >= 0, "int32"), axis=1) - 1, 0)
        picked = ops.take_along_axis(sequence, ops.reshape(last, (-1, 1, 1)), axis=1)
        return ops.squeeze(picked, axis=1)


@keras.saving.register_keras_serializable(package="tlzoo")
class Chunks(keras.layers.Layer):
    """Cuts tokens (b, k * length), as the encoder packs them, into chunks (b * k, length).

    Args:
        length: Tokens of a chunk; batches no wider are left as they are.
        **kwargs: Keras's own layer arguments.
    """

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = length

    def call(self, tokens: Any) -> Any:
        """Returns int32 (b * k, t)."""
        width = keras.ops.shape(tokens)[1]
        return keras.ops.reshape(tokens, (-1, keras.ops.minimum(width, self.length)))

    def compute_output_spec(self, tokens: Any) -> Any:
        """Returns a matrix of tokens."""
        return keras.KerasTensor((None, None), dtype=tokens.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {**super().get_config(), "length": self.length}


@keras.saving.register_keras_serializable(package="tlzoo")
class MeanOfChunks(keras.layers.Layer):
    """Averages the vectors (b * k, d) of each text's chunks; chunks without a token do not count.

    Args:
        length: Tokens of a chunk.
        **kwargs: Keras's own layer arguments.
    """

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = length

    def call(self, vectors: Any, tokens: Any) -> Any:
        """Returns (b, d), given the tokens (b, k * length) before they were cut."""
        ops = keras.ops
        rows, wide = ops.shape(tokens)
        width = ops.minimum(wide, self.length)
        pieces = ops.reshape(tokens, (rows, wide // width, width))
        used = ops.expand_dims(ops.any(pieces >= 0, axis=-1), -1)
        stacked = ops.reshape(vectors, (rows, wide // width, vectors.shape[-1]))
        total = ops.sum(ops.where(used, stacked, 0), axis=1)
        return total / ops.maximum(ops.sum(ops.cast(used, vectors.dtype), axis=1), 1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {**super().get_config(), "length": self.length}


def pool_map(outputs: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    """Turns the last feature map (b, h, w, d), or patches (b, t, d), of an image into one vector.

    Args:
        outputs: What the network gives; vectors (b, d) pass unchanged.
        pooling: As in the card.
    """
    rank = len(outputs.shape)
    if pooling == "cls":
        return outputs[:, 0] if rank == 3 else outputs
    if rank == 4:
        return keras.layers.GlobalAveragePooling2D(name="pool")(outputs)
    return keras.layers.GlobalAveragePooling1D(name="pool")(outputs) if rank == 3 else outputs


def pool_sequence(outputs: keras.KerasTensor, tokens: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    """Turns vectors (b, t, d) of a text's tokens into one; vectors (b, d) pass unchanged.

    Args:
        outputs: What the network gives.
        tokens: What it was given, (b, t).
        pooling: As in the card.
    """
    if len(outputs.shape) == 2:
        return outputs
    if pooling == "cls":
        return outputs[:, 0]
    layer: keras.layers.Layer = (LastToken if pooling == "last" else MaskedMean)(name="pool")
    return layer(outputs, tokens)

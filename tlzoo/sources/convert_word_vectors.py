"""Word vectors as a Keras network: an embedding, and maybe an encoder above it. Padding changes no result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="tlzoo")
class WordEmbedding(keras.layers.Layer):
    """Looks up vectors; padding gives zeros. Its gradient is sparse: only rows that were looked up.

    Args:
        rows: How many vectors there are.
        width: How long they are.
        matrix: The vectors float32 (rows, width), which the weight is made from directly, without a random one before
            it; None makes them random. No part of the layer's configuration.
        **kwargs: Keras's own layer arguments.
    """

    def __init__(self, rows: int, width: int, matrix: np.ndarray | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows, self.width = rows, width
        self._given = [matrix]  # in a list: Keras would track an array as part of its state

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weight `embeddings`."""
        matrix = self._given.pop()
        initializer: Any = "uniform"
        if matrix is not None:

            def initializer(shape: Any, dtype: Any = None) -> Any:
                return ops.convert_to_tensor(matrix, dtype)

        self.embeddings = self.add_weight(
            shape=(self.rows, self.width), initializer=initializer, name="embeddings"
        )

    def call(self, tokens: Any) -> Any:
        """Turns tokens int32 (b, t) into vectors (b, t, d)."""
        vectors = ops.take(self.embeddings, ops.maximum(tokens, 0), axis=0)
        return ops.where(ops.expand_dims(tokens >= 0, -1), vectors, ops.zeros_like(vectors))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns `input_shape` and the width."""
        return (*input_shape, self.width)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs to make the layer again; the vectors are its weights."""
        return {**super().get_config(), "rows": self.rows, "width": self.width}


@keras.saving.register_keras_serializable(package="tlzoo")
class MeanOfWords(keras.layers.Layer):
    """Mean of vectors over the words of a text, each weighted by a / (a + p(word)) if `a` is given.

    These weights, smooth inverse frequencies, are those of Arora, Liang and Ma, "A Simple but Tough-to-Beat Baseline
    for Sentence Embeddings", ICLR 2017. Files of vectors carry no counts, but list words by how frequent they are: by
    Zipf's law p = 1 / (rank * H), where H is the harmonic number of the vocabulary. The paper goes on to remove a
    common direction, found in the data; that is left out, as a linear head learns by itself to look past a direction.

    Args:
        rows: How many words there are.
        a: The paper's a (1e-3 there): the smaller, the less frequent words count. 0 weighs all words alike.
        **kwargs: Keras's own layer arguments.
    """

    def __init__(self, rows: int, a: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "trainable": False})
        self.rows, self.a = rows, a
        # A weight, though it is known: digests of weights must tell poolings over the same vectors apart.
        self.scale = self.add_weight(shape=(), initializer=keras.initializers.Constant(a), name="a")
        self.built = True

    def call(self, vectors: Any, tokens: Any) -> Any:
        """Pools vectors (b, t, d) of tokens (b, t) to (b, d); a text without words gives zeros."""
        there = weights = ops.cast(tokens >= 0, vectors.dtype)
        if self.a:
            harmonic = float(np.sum(1.0 / np.arange(1, self.rows + 1)))
            # a / (a + 1 / (rank * H)), multiplied through so that nothing is divided by the rank 0 of padding.
            scaled = self.scale * harmonic * ops.cast(tokens + 1, vectors.dtype)
            weights = there * scaled / (scaled + 1.0)
        # A product of matrices, as a sum over t is added in an order that depends on how much padding follows.
        total = ops.squeeze(ops.matmul(ops.expand_dims(weights, 1), vectors), axis=1)
        return total / ops.maximum(ops.sum(there, axis=1, keepdims=True), 1.0)

    def compute_output_shape(
        self, vectors_shape: tuple[int | None, ...], tokens_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns (b, d)."""
        return (vectors_shape[0], vectors_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs to make the layer again."""
        return {**super().get_config(), "rows": self.rows, "a": self.a}


@keras.saving.register_keras_serializable(package="tlzoo")
class Windows(keras.layers.Layer):
    """Puts each word's neighbours beside it, zeros beyond the ends: a Dense layer above is a convolution over words.

    Keras's own convolution is quicker by a half, but adds in an order that depends on how much padding follows.

    Args:
        width: Words in a window: (width - 1) // 2 before the word, the rest after it.
        **kwargs: Keras's own layer arguments.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.built = True

    def call(self, vectors: Any) -> Any:
        """Turns vectors (b, t, d) into (b, t, width * d)."""
        before = (self.width - 1) // 2
        length = ops.shape(vectors)[1]
        padded = ops.pad(vectors, [[0, 0], [before, self.width - 1 - before], [0, 0]])
        return ops.concatenate([padded[:, place : place + length] for place in range(self.width)], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns (b, t, width * d)."""
        width = input_shape[2]
        return (*input_shape[:2], None if width is None else self.width * width)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs to make the layer again."""
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="tlzoo")
class MaxOfWords(keras.layers.Layer):
    """Largest value of each channel over a text, padding left out; values must not be negative (they follow a ReLU)."""

    def call(self, values: Any, tokens: Any) -> Any:
        """Pools values (b, t, d) of tokens (b, t) to (b, d); a text without words gives zeros."""
        there = ops.expand_dims(tokens >= 0, -1)
        return ops.max(ops.where(there, values, ops.zeros_like(values)), axis=1)

    def compute_output_shape(
        self, values_shape: tuple[int | None, ...], tokens_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns (b, d)."""
        return (values_shape[0], values_shape[2])


def build(name: str, architecture: Mapping[str, Any], matrix: np.ndarray | None) -> keras.Model:
    """Builds the network of a card.

    Args:
        name: Of the model.
        architecture: See `tlzoo.sources.word_vectors`.
        matrix: The vectors; None makes random ones. With vectors, an encoder above them begins from the same weights
            every time, so that features can be cached by them.

    Returns:
        A functional model from tokens int32 (b, t) to float32 (b, d).
    """
    options = dict(architecture)
    rows, width, pool = options.pop("rows"), options.pop("width"), options.pop("pool", "mean")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    vectors = WordEmbedding(rows, width, matrix, name="embedding")(tokens)
    seed = None if matrix is None else 0
    if pool == "cnn":
        outputs = _cnn(vectors, tokens, seed, **options)
    elif pool == "gru":
        outputs = _gru(vectors, tokens, seed, **options)
    else:
        a = options.get("a", 1e-3) if pool == "sif" else 0.0
        outputs = MeanOfWords(rows, a, name="pool")(vectors, tokens)
    return keras.Model(tokens, outputs, name=name)


def _cnn(
    vectors: Any, tokens: Any, seed: int | None, widths: tuple[int, ...] = (3, 4, 5), filters: int = 100
) -> Any:
    """Convolutions and their maxima, after Kim, "Convolutional Neural Networks for Sentence Classification", 2014."""
    maxima = []
    for number, width in enumerate(widths):
        kernel = keras.initializers.GlorotUniform(None if seed is None else seed + number)
        layer = keras.layers.Dense(
            filters, activation="relu", kernel_initializer=kernel, name=f"convolution{width}"
        )
        values = layer(Windows(width, name=f"windows{width}")(vectors))
        maxima.append(MaxOfWords(name=f"max{width}")(values, tokens))
    return keras.layers.Concatenate(name="encoder")(maxima)


def _gru(vectors: Any, tokens: Any, seed: int | None, units: int = 100) -> Any:
    """The last states of a GRU that reads forwards and of one that reads backwards; both step over padding."""
    layers = []
    for number, backwards in enumerate((False, True)):
        seeds = [None, None] if seed is None else [seed + number, seed + number + 2]
        layers.append(
            keras.layers.GRU(
                units,
                go_backwards=backwards,
                kernel_initializer=keras.initializers.GlorotUniform(seeds[0]),
                recurrent_initializer=keras.initializers.Orthogonal(seed=seeds[1]),
                name="backwards" if backwards else "forwards",
            )
        )
    both = keras.layers.Bidirectional(layers[0], backward_layer=layers[1], name="encoder")
    return both(vectors, mask=tokens >= 0)

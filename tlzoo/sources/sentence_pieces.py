"""SentencePiece inside its own graph: TensorFlow throws the model away that KerasHub keeps outside of it.

`tf.random.set_seed`, and so `keras.utils.set_random_seed`, empties TensorFlow's cache of kernels, and the kernel that
made KerasHub's model owns it. A kernel inside a graph reads the model again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf


class SentencePieces:
    """Cuts texts into pieces, for KerasHub's SentencePiece tokenizers; to be called inside of a graph.

    Args:
        layer: A `keras_hub.tokenizers.SentencePieceTokenizer`; its model is used.
    """

    def __init__(self, layer: Any) -> None:
        import keras_hub

        self.model: bytes = layer.proto
        # XLM-R's numbers come from another library: one further on than its model says, the unknown token fourth.
        self.shifted = isinstance(layer, keras_hub.tokenizers.XLMRobertaTokenizer)

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Turns UTF-8 strings (b,) into tokens int32 (b, None)."""
        import tensorflow as tf
        import tensorflow_text as tf_text

        tokens = tf_text.SentencepieceTokenizer(model=self.model, out_type=tf.int32).tokenize(texts)
        if not self.shifted:
            return tokens
        values = tokens.flat_values
        return tokens.with_flat_values(tf.where(values == 0, 3, values + 1))

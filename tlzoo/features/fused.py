"""A text network with its transformer blocks written for inference: the same numbers in fewer, larger steps.

A KerasHub block asks for queries, keys and values one after the other, by contractions over three axes that TensorFlow
carries out as transposes and reshapes around a matrix product. Here the three are one product of two matrices, biases
and GELU are computed inside the products (oneDNN's fusions, which TensorFlow finds in graphs of this form), and weights
are constants, which oneDNN lays out once. Everything around the blocks stays Keras's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from tlzoo.backbones import keras_private
from tlzoo.backbones.backbone import Backbone
from tlzoo.errors import UsageError

if TYPE_CHECKING:
    import keras_hub

MASKED = -1e9
"""Added to the scores of padding, as Keras does."""


class FusedBlock(keras.layers.Layer):
    """A KerasHub `TransformerEncoder`, frozen: its weights are copied when this is made.

    Args:
        block: With normalisation behind its two halves, and float32 throughout.

    Raises:
        UsageError: It computes something else.
    """

    def __init__(self, block: keras_hub.layers.TransformerEncoder) -> None:
        super().__init__(name=block.name, trainable=False)
        if block.normalize_first or block.dtype_policy.name != "float32":
            raise _refusal(
                f"{block.name}: normalize_first={block.normalize_first}, {block.dtype_policy.name}"
            )
        parts = dict(keras_private.walk(block))
        asked = [parts[f"self_attention_layer/{name}"] for name in ("query", "key", "value")]
        self._width, self._heads, self._size = asked[0].kernel.shape
        if any(each.kernel.shape != asked[0].kernel.shape for each in asked):
            raise _refusal(f"{block.name}: queries, keys and values of different forms")
        scales = (self._size**-0.5, 1.0, 1.0)
        kernels, biases = zip(*(_dense(each, self._width) for each in asked), strict=True)
        self._asked = (
            np.concatenate([kernel * np.float32(by) for kernel, by in zip(kernels, scales, strict=True)], 1),
            np.concatenate([bias * np.float32(by) for bias, by in zip(biases, scales, strict=True)]),
        )
        self._joined = _dense(parts["self_attention_layer/attention_output"], self._heads * self._size)
        inner = parts["feedforward_intermediate_dense"]
        self._activation = inner.activation
        self._wide, self._narrow = (
            _dense(inner, self._width),
            _dense(parts["feedforward_output_dense"], inner.units),
        )
        self._norms = [_norm(parts[f"{name}_layer_norm"]) for name in ("self_attention", "feedforward")]
        self.built = True

    def call(self, inputs: Any, padding_mask: Any = None) -> Any:
        """Returns float32 (b, t, d) for vectors (b, t, d) and a mask (b, t), 0 where a text has ended."""
        shape = tf.shape(inputs)
        flat = tf.reshape(inputs, (-1, self._width))
        attended = self._attended(flat, shape[0], shape[1], padding_mask)
        flat = _normalised(flat + _product(attended, self._joined), *self._norms[0])
        inner = self._activation(_product(flat, self._wide))
        flat = _normalised(flat + _product(inner, self._narrow), *self._norms[1])
        return tf.reshape(flat, shape)

    def compute_output_spec(self, inputs: Any, padding_mask: Any = None) -> Any:
        """Returns a tensor of the same shape."""
        return keras.KerasTensor(inputs.shape, dtype="float32")

    def _attended(self, flat: Any, rows: Any, length: Any, mask: Any) -> Any:
        parts = tf.reshape(_product(flat, self._asked), (rows, length, 3, self._heads, self._size))
        query, key, value = tf.unstack(tf.transpose(parts, (2, 0, 3, 1, 4)))
        scores = tf.matmul(query, key, transpose_b=True)
        if mask is not None:
            scores += ((1.0 - tf.cast(mask, tf.float32)) * MASKED)[:, None, None, :]
        mixed = tf.matmul(tf.nn.softmax(scores), value)
        return tf.reshape(tf.transpose(mixed, (0, 2, 1, 3)), (-1, self._heads * self._size))


def fused(backbone: Backbone) -> keras.Model:
    """Returns `backbone.model` with frozen copies of its transformer blocks; its other layers are shared.

    Args:
        backbone: Of a network of KerasHub's `TransformerEncoder` blocks, such as BERT's family.

    Raises:
        UsageError: There is no such block, or one of another kind.
    """
    import keras_hub

    made: dict[int, FusedBlock] = {}

    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        if type(layer) is not keras_hub.layers.TransformerEncoder:
            return layer
        return made.setdefault(id(layer), FusedBlock(layer))

    model = keras.models.clone_model(backbone.model, clone_function=replaced, recursive=True)
    if not made:
        raise _refusal(f"{backbone.card.name} has none")
    return model


def _refusal(found: str) -> UsageError:
    return UsageError(
        f"No transformer blocks that can be rewritten: {found}.",
        allowed="networks of KerasHub's TransformerEncoder, float32, normalised behind each half, with biases.",
        do="Use engine=auto or engine=graph.",
    )


def _dense(layer: keras.layers.Layer, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the kernel (rows, columns) and the bias (columns,) of a layer with any number of axes."""
    if layer.bias is None:
        raise _refusal(f"{layer.path} has no bias")
    return np.asarray(layer.kernel).reshape(rows, -1), np.asarray(layer.bias).reshape(-1)


def _norm(layer: keras.layers.LayerNormalization) -> tuple[np.ndarray, np.ndarray, float]:
    return np.asarray(layer.gamma), np.asarray(layer.beta), layer.epsilon


def _product(inputs: Any, weights: tuple[np.ndarray, np.ndarray]) -> Any:
    return tf.nn.bias_add(tf.matmul(inputs, weights[0]), weights[1])


def _normalised(inputs: Any, gamma: np.ndarray, beta: np.ndarray, epsilon: float) -> Any:
    centred = inputs - tf.reduce_mean(inputs, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
    return centred * (tf.math.rsqrt(variance + epsilon) * gamma) + beta

"""What stands before a network when it is served: from what callers send to what the network eats.

Both fronts offer the same, so that signatures, parity check and warm-up are written once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import tensorflow as tf

from tlzoo.backbones.encoder import MOST_CHUNKS, PADDING, Encoder
from tlzoo.data import images

if TYPE_CHECKING:
    from tlzoo.export.exportable import Resize


class Front(Protocol):
    """From raw strings, or from what the network nearly eats, to what it eats."""

    @property
    def raw(self) -> str:
        """Name of the input of strings that callers send."""

    @property
    def direct(self) -> str:
        """Name of the input that skips decoding; empty where there is none."""

    @property
    def feature(self) -> str:
        """Key of the raw string in a tf.Example."""

    @property
    def eats(self) -> tf.TensorSpec:
        """What the network eats."""

    @property
    def direct_spec(self) -> tf.TensorSpec:
        """What `direct` takes."""

    @property
    def resources(self) -> tuple[Any, ...]:
        """What an exported module must track."""

    def decode(self, contents: tf.Tensor) -> tf.Tensor:
        """Turns raw strings (n,) into what the network eats."""

    def fit(self, given: tf.Tensor) -> tf.Tensor:
        """Turns what `direct` takes into what the network eats."""

    def about(self) -> dict[str, Any]:
        """Returns what the bundle's description says of it."""


@dataclass(frozen=True)
class ImageFront:
    """Encoded images, or pixels float32 (n, h, w, 3) in 0..255 of any size.

    Attributes:
        size: Height and width the network eats.
        policy: How images get that size.
    """

    size: tuple[int, int]
    policy: Resize
    raw = "image_bytes"
    direct = "pixels"
    feature = "image/encoded"
    resources = ()

    @property
    def eats(self) -> tf.TensorSpec:
        """Pixels float32 (n, *size, 3)."""
        return tf.TensorSpec((None, *self.size, 3), tf.float32)

    @property
    def direct_spec(self) -> tf.TensorSpec:
        """Pixels of any size."""
        return tf.TensorSpec((None, None, None, 3), tf.float32, name=self.direct)

    def decode(self, contents: tf.Tensor) -> tf.Tensor:
        """Decodes and resizes."""
        return decoder(self.size, self.policy)(contents)

    def fit(self, given: tf.Tensor) -> tf.Tensor:
        """Resizes pixels of another size exactly as encoded images are; leaves those of the right size alone."""
        fits = tf.reduce_all(tf.equal(tf.shape(given)[1:3], self.size))
        resized = tf.cond(fits, lambda: given, lambda: self._resize(given))
        return tf.ensure_shape(resized, (None, *self.size, 3))

    def about(self) -> dict[str, Any]:
        """Returns size and policy."""
        return {"modality": "image", "size": self.size, "resize": self.policy}

    def _resize(self, pixels: tf.Tensor) -> tf.Tensor:
        whole = tf.cast(tf.clip_by_value(tf.round(pixels), 0.0, 255.0), tf.uint8)
        spec = tf.TensorSpec((*self.size, 3), tf.uint8)
        each = tf.map_fn(
            lambda one: images.resize(one, self.size, self.policy), whole, fn_output_signature=spec
        )
        return tf.cast(each, tf.float32)


@dataclass(frozen=True)
class TextFront:
    """Texts, or tokens int32 (n, t) with -1 where a text has ended.

    Attributes:
        encoder: Of the backbone; None where the network takes strings itself.
        layers: Layers of such a network that hold lookup tables.
    """

    encoder: Encoder | None
    layers: tuple[Any, ...] = ()
    raw = "text"
    feature = "text"

    @property
    def direct(self) -> str:
        """Tokens, where there are any."""
        return "tokens" if self.encoder else ""

    @property
    def eats(self) -> tf.TensorSpec:
        """Tokens int32 (n, t), or strings (n,)."""
        return tf.TensorSpec((None, None), tf.int32) if self.encoder else tf.TensorSpec((None,), tf.string)

    @property
    def direct_spec(self) -> tf.TensorSpec:
        """Tokens of any width."""
        return tf.TensorSpec((None, None), tf.int32, name="tokens")

    @property
    def resources(self) -> tuple[Any, ...]:
        """The tokenizer's tables, or the network's own."""
        return self.encoder.tokenizer.resources if self.encoder else self.layers

    def decode(self, contents: tf.Tensor) -> tf.Tensor:
        """Cuts texts into tokens."""
        return self.encoder(contents) if self.encoder else contents

    def fit(self, given: tf.Tensor) -> tf.Tensor:
        """Cuts off what the network does not see, and takes any negative number for padding.

        A number that is no token counts as the last one there is: a graph cannot refuse it.
        """
        assert self.encoder is not None  # noqa: S101 - without an encoder there is no direct endpoint
        length = self.encoder.length
        chunks = self.encoder.long_text == "chunks"
        seen = given[:, : length * (MOST_CHUNKS if chunks else 1)]
        width = tf.shape(seen)[1]
        # No network takes tokens of no width, and chunks are cut from whole multiples of their length.
        whole = tf.where(width > length, -(-width // length) * length, tf.maximum(width, 1))
        seen = tf.pad(seen, [[0, 0], [0, whole - width]], constant_values=PADDING)
        return tf.clip_by_value(seen, PADDING, self.encoder.tokenizer.size - 1)

    def about(self) -> dict[str, Any]:
        """Returns how much of a text is seen, and which ops the graph needs beside TensorFlow's own."""
        facts: dict[str, Any] = {"modality": "text"}
        if self.encoder is None:
            return facts
        needs = () if self.encoder.tokenizer.core_ops else ("tensorflow_text",)
        return {
            **facts,
            "length": self.encoder.length,
            "long_text": self.encoder.long_text,
            "needs_ops": needs,
        }


@functools.lru_cache(maxsize=8)
def decoder(size: tuple[int, int], policy: Resize) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the function from encoded images, string (n,), to float32 pixels (n, *size, 3) in 0..255.

    It is traced once per process: decoding has a branch per format, and tracing them takes longer than a small
    network.

    Args:
        size: Height and width in pixels.
        policy: How images get that size.
    """

    def decode(contents: tf.Tensor) -> tf.Tensor:
        return tf.cast(images.decode_batch(contents, size, policy), tf.float32)

    return tf.function(decode, input_signature=[tf.TensorSpec((None,), tf.string)], autograph=False)

"""The endpoints of a bundle: what TensorFlow Serving is asked, and what the graph answers.

The network is traced once per forward function and called from every endpoint, so four signatures cost one
graph and one set of weights. The names and shapes follow TensorFlow Serving's REST and gRPC interfaces
(https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/api_rest.md and
.../g3doc/signature_defs.md): the signature for `:classify` has one input called `inputs` and gives `classes` and
`scores`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import tensorflow as tf

from tlzoo.data import images
from tlzoo.export.exportable import Exportable, Resize

IMAGE_FEATURE = "image/encoded"
Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Endpoint:
    """One signature to write.

    Attributes:
        name: What callers ask for.
        function: Takes one tensor, gives named tensors.
        spec: The tensor it takes; `spec.name` is the input's name.
    """

    name: str
    function: Callable[[tf.Tensor], Tensors]
    spec: tf.TensorSpec


def endpoints(exportable: Exportable) -> tuple[Endpoint, ...]:
    """Returns the four endpoints of a bundle.

    `serving_default`: string image_bytes (b,) -> string label (b,), float32 score (b,), probabilities (b, c).
    `pixels`: float32 pixels (b, h, w, 3) in 0..255, any size -> the same.
    `features`: string image_bytes (b,) -> float32 features (b, d).
    `classify`: string inputs (b,), serialized tf.Example with `image/encoded` -> string classes (b, c) and
    float32 scores (b, c), best first.

    Args:
        exportable: What is exported.
    """
    answer = _Answer(exportable)
    encoded = tf.TensorSpec((None,), tf.string, name="image_bytes")
    pixels = tf.TensorSpec((None, None, None, 3), tf.float32, name="pixels")
    examples = tf.TensorSpec((None,), tf.string, name="inputs")
    return (
        Endpoint("serving_default", lambda image_bytes: answer.best(answer.decode(image_bytes)), encoded),
        Endpoint("pixels", lambda pixels: answer.best(answer.fit(pixels)), pixels),
        Endpoint("features", lambda image_bytes: answer.features(answer.decode(image_bytes)), encoded),
        Endpoint("classify", lambda inputs: answer.ranked(answer.decode(_encoded(inputs))), examples),
    )


def _encoded(examples: tf.Tensor) -> tf.Tensor:
    parsed = tf.io.parse_example(examples, {IMAGE_FEATURE: tf.io.FixedLenFeature([], tf.string)})
    return parsed[IMAGE_FEATURE]


def example(image: bytes) -> bytes:
    """Returns an encoded image as the serialized tf.Example that `classify` takes."""
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    return tf.train.Example(features=tf.train.Features(feature={IMAGE_FEATURE: value})).SerializeToString()


class _Answer:
    """The steps that the endpoints share."""

    def __init__(self, exportable: Exportable) -> None:
        self._size, self._policy = exportable.size, exportable.resize
        self._temperature = float(exportable.temperature)
        self._names = exportable.class_names
        self.decode = decoder(exportable.size, exportable.resize)
        spec = tf.TensorSpec((None, *exportable.size, 3), tf.float32)
        self._network = _traced_once(exportable.features, spec)
        if exportable.head is None:
            self._logits = _traced_once(exportable.model, spec)
        else:
            head = exportable.head
            self._logits = lambda pixels: head(self._network(pixels), training=False)

    def fit(self, pixels: tf.Tensor) -> tf.Tensor:
        """Resizes pixels of another size exactly as encoded images are; leaves those of the right size alone."""
        height, width = self._size
        fits = tf.reduce_all(tf.equal(tf.shape(pixels)[1:3], (height, width)))
        resized = tf.cond(fits, lambda: pixels, lambda: self._resize(pixels))
        return tf.ensure_shape(resized, (None, height, width, 3))

    def _resize(self, pixels: tf.Tensor) -> tf.Tensor:
        whole = tf.cast(tf.clip_by_value(tf.round(pixels), 0.0, 255.0), tf.uint8)
        spec = tf.TensorSpec((*self._size, 3), tf.uint8)
        each = tf.map_fn(
            lambda one: images.resize(one, self._size, self._policy), whole, fn_output_signature=spec
        )
        return tf.cast(each, tf.float32)

    def probabilities(self, pixels: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(_float32(self._logits(pixels)) / self._temperature)

    def best(self, pixels: tf.Tensor) -> Tensors:
        probabilities = self.probabilities(pixels)
        label = tf.gather(self._labels(), tf.argmax(probabilities, axis=-1))
        return {
            "label": label,
            "score": tf.reduce_max(probabilities, axis=-1),
            "probabilities": probabilities,
        }

    def ranked(self, pixels: tf.Tensor) -> Tensors:
        probabilities = self.probabilities(pixels)
        # A stable order gives `label` of the default signature the first place, in ties too.
        order = tf.argsort(probabilities, axis=-1, direction="DESCENDING", stable=True)
        scores = tf.gather(probabilities, order, batch_dims=1)
        return {"classes": tf.gather(self._labels(), order), "scores": scores}

    def features(self, pixels: tf.Tensor) -> Tensors:
        return {"features": _float32(self._network(pixels))}

    def _labels(self) -> tf.Tensor:
        # A constant and a gather need no lookup table, which would have to be tracked and initialised.
        return tf.constant([name.encode("utf-8") for name in self._names], tf.string)


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


def sample_pixels(exportable: Exportable) -> tf.Tensor:
    """Returns the sample images as the graph sees them: float32 (n, h, w, 3) in 0..255."""
    return decoder(exportable.size, exportable.resize)(tf.constant(exportable.samples, tf.string))


def root_of(graphs: Iterable[tf.types.experimental.ConcreteFunction]) -> tf.Module:
    """Returns an object that holds the variables of traced graphs, each once, for TensorFlow to save.

    A Keras 3 model in its place does not do: TensorFlow does not find all variables under it, and the LiteRT
    converter then writes, without a word, a model without weights.
    """
    root = tf.Module()
    root.weights = list({id(weight): weight for graph in graphs for weight in graph.variables}.values())
    return root


def _traced_once(model: Callable[..., tf.Tensor], spec: tf.TensorSpec) -> Callable[[tf.Tensor], tf.Tensor]:
    """Wraps a model so that all endpoints share one traced graph."""
    return tf.function(lambda pixels: model(pixels, training=False), input_signature=[spec], autograph=False)


def _float32(tensor: tf.Tensor) -> tf.Tensor:
    # Mixed precision answers in float16, which TensorFlow Serving's REST interface cannot write.
    return tf.cast(tensor, tf.float32)

"""The endpoints of a bundle: what TensorFlow Serving is asked, and what the graph answers.

The network is traced once per forward function and called from every endpoint, so four signatures cost one
graph and one set of weights. The names and shapes follow TensorFlow Serving's REST and gRPC interfaces
(https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/api_rest.md and
.../g3doc/signature_defs.md): the signature for `:classify` has one input called `inputs` and gives `classes` and
`scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tlzoo.export.answers import answers_of
from tlzoo.export.exportable import Exportable
from tlzoo.export.ood import OUTPUT

Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Endpoint:
    """One signature to write.

    Attributes:
        name: What callers ask for.
        spec: The tensor it takes; `spec.name` is the input's name.
        before: From that tensor to what the network eats.
        answer: From there to named tensors, through the network.
        after: From features to the same named tensors; None where the head is not known apart.
    """

    name: str
    spec: tf.TensorSpec
    before: Callable[[tf.Tensor], tf.Tensor]
    answer: Callable[[tf.Tensor], Tensors]
    after: Callable[[tf.Tensor], Tensors] | None

    def function(self, given: tf.Tensor) -> Tensors:
        """All of it."""
        return self.answer(self.before(given))


def endpoints(exportable: Exportable) -> tuple[Endpoint, ...]:
    """Returns the endpoints of a bundle: four, or three where a text network takes strings itself.

    What follows is what classifiers have; `tlzoo.export.answers` says what the other tasks answer.

    `serving_default`: string image_bytes or text (b,) -> string label (b,), float32 score (b,), probabilities (b, c).
    `pixels`: float32 pixels (b, h, w, 3) in 0..255, any size -> the same; for texts `tokens`: int32 (b, t), -1 where
    a text has ended.
    `features`: string (b,) -> float32 features (b, d).
    `classify`: string inputs (b,), serialized tf.Example with `image/encoded` or `text` -> string classes (b, c)
    and float32 scores (b, c), best first.

    Where the exportable tells foreign inputs, all but the last give float32 ood_score (b,) as well.

    Args:
        exportable: What is exported.
    """
    answer, front = _Answer(exportable), exportable.front
    request = answers_of(exportable).request
    raw = tf.TensorSpec((None,), tf.string, name=front.raw)
    examples = tf.TensorSpec((None,), tf.string, name="inputs")
    parsed = lambda given: front.decode(_parsed(given, front.feature))  # noqa: E731
    steps: list[tuple[str, tf.TensorSpec, Callable[[tf.Tensor], tf.Tensor], Last]]
    steps = [("serving_default", raw, front.decode, answer.best)]
    if front.direct:
        steps.append((front.direct, front.direct_spec, front.fit, answer.best))
    steps += [("features", raw, front.decode, answer.features), (request, examples, parsed, answer.served)]
    return tuple(
        Endpoint(name, spec, before, answer.through(last), answer.after(last))
        for name, spec, before, last in steps
    )


def _parsed(examples: tf.Tensor, feature: str) -> tf.Tensor:
    return tf.io.parse_example(examples, {feature: tf.io.FixedLenFeature([], tf.string)})[feature]


def example(content: bytes, feature: str) -> bytes:
    """Returns an encoded image, or a text, as the serialized tf.Example that `classify` or `regress` takes.

    Args:
        content: What callers send.
        feature: Its key: `image/encoded` or `text`.
    """
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[content]))
    return tf.train.Example(features=tf.train.Features(feature={feature: value})).SerializeToString()


Last = Callable[[tf.Tensor, tf.Tensor], Tensors]
"""From features and logits to what is told of them; without a head, features that nobody needs are logits again."""


class _Answer:
    """The steps that the endpoints share."""

    def __init__(self, exportable: Exportable) -> None:
        self._answers, self._ood = answers_of(exportable), exportable.ood
        self._network = _traced_once(exportable.features, exportable.front.eats)
        self._head = exportable.head
        self._model = _traced_once(exportable.model, exportable.front.eats)  # traced when it is first called

    def best(self, features: tf.Tensor, logits: tf.Tensor) -> Tensors:
        return {**self._answers.best(logits), **self._foreign(features, logits)}

    def served(self, features: tf.Tensor, logits: tf.Tensor) -> Tensors:
        del features
        return self._answers.served(logits)

    def features(self, features: tf.Tensor, logits: tf.Tensor) -> Tensors:
        return {"features": features, **self._foreign(features, logits)}

    def through(self, last: Last) -> Callable[[tf.Tensor], Tensors]:
        """Returns the way from what the network eats; the network runs once where it can."""
        if self._head is not None:
            return lambda eaten: self._headed(last, _float32(self._network(eaten)))
        if self._ood is None:
            only = self._network if last == self.features else self._model
            return lambda eaten: last(*2 * (_float32(only(eaten)),))
        return lambda eaten: last(_float32(self._network(eaten)), _float32(self._model(eaten)))

    def after(self, last: Last) -> Callable[[tf.Tensor], Tensors] | None:
        """Returns the way from float32 features, where the head is known."""
        return None if self._head is None else lambda features: self._headed(last, features)

    def _headed(self, last: Last, features: tf.Tensor) -> Tensors:
        assert self._head is not None  # noqa: S101 - asked before
        return last(features, _float32(self._head(features, training=False)))

    def _foreign(self, features: tf.Tensor, logits: tf.Tensor) -> Tensors:
        return {} if self._ood is None else {OUTPUT: self._ood(features, logits)}


def sample_inputs(exportable: Exportable) -> tf.Tensor:
    """Returns the samples as the network eats them: pixels (n, h, w, 3), tokens (n, t) or strings (n,)."""
    return exportable.front.decode(tf.constant(exportable.samples, tf.string))


def root_of(
    graphs: Iterable[tf.types.experimental.ConcreteFunction], resources: Iterable[Any] = ()
) -> tf.Module:
    """Returns an object that holds the variables of traced graphs, each once, for TensorFlow to save.

    A Keras 3 model in its place does not do: TensorFlow does not find all variables under it, and the LiteRT
    converter then writes, without a word, a model without weights.

    Args:
        graphs: Traced functions.
        resources: What else they capture: lookup tables, and layers that hold some.
    """
    root = tf.Module()
    root.weights = list({id(weight): weight for graph in graphs for weight in graph.variables}.values())
    root.resources = list(resources)
    return root


def _traced_once(model: Callable[..., tf.Tensor], spec: tf.TensorSpec) -> Callable[[tf.Tensor], tf.Tensor]:
    """Wraps a model so that all endpoints share one traced graph, which an empty batch does not break."""

    def forward(eaten: tf.Tensor) -> tf.Tensor:
        # On some processors a convolution of no images gives a tensor of the wrong shape (TensorFlow 2.21, oneDNN).
        count = tf.shape(eaten)[0]
        one = tf.zeros(tf.concat([[1], tf.shape(eaten)[1:]], axis=0), eaten.dtype)
        filled = tf.ensure_shape(tf.cond(count > 0, lambda: eaten, lambda: one), spec.shape)
        return model(filled, training=False)[:count]

    return tf.function(forward, input_signature=[spec], autograph=False)


def _float32(tensor: tf.Tensor) -> tf.Tensor:
    # Mixed precision answers in float16, which TensorFlow Serving's REST interface cannot write.
    return tf.cast(tensor, tf.float32)

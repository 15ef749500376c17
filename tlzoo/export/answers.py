"""What a bundle answers, by task: outputs of the default signature, and of TensorFlow Serving's own request.

| task | `serving_default` | besides |
|---|---|---|
| classification | `label`, `score`, `probabilities` | `classify`: `classes` and `scores`, best first |
| multilabel | `probabilities`, `predicted`, `label_names` | `classify`: the same |
| regression | `value`, `low`, `high` | `regress`: `outputs` |

Every output has one row per example, because TensorFlow Serving's row format takes nothing else. A list of labels that
differs in length from example to example has no tensor that JSON could carry, so `multilabel` gives all labels
(`label_names`, the same row every time) and whether each is predicted; `probabilities` stand in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import tensorflow as tf

from tlzoo.export.exportable import Exportable

Tensors = dict[str, tf.Tensor]


class Answers(Protocol):
    """Turns outputs of a model, float32 (b, c), into what callers get."""

    @property
    def request(self) -> str:
        """Name of the signature for TensorFlow Serving's own request: `classify` or `regress`."""

    @property
    def main(self) -> str:
        """Name of the output of the default signature that says it all."""

    def best(self, outputs: tf.Tensor) -> Tensors:
        """Returns what the default signature gives."""

    def served(self, outputs: tf.Tensor) -> Tensors:
        """Returns what `request` gives."""

    def turned(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns what `main` is, with a column per output, float32 (b, c)."""


def answers_of(exportable: Exportable) -> Answers:
    """Returns the answers of an exportable's task."""
    kinds: dict[str, Callable[[Exportable], Answers]] = {"regression": Numbers, "multilabel": Sets}
    return kinds.get(exportable.task, Classes)(exportable)


class Classes:
    """One label of several.

    Args:
        exportable: Gives class names and temperature.
    """

    request = "classify"
    main = "probabilities"

    def __init__(self, exportable: Exportable) -> None:
        self._temperature = float(exportable.temperature)
        self._names = exportable.class_names

    def best(self, outputs: tf.Tensor) -> Tensors:
        """Returns label, score and probabilities."""
        probabilities = self.turned(outputs)
        label = tf.gather(self._labels(), tf.argmax(probabilities, axis=-1))
        return {
            "label": label,
            "score": tf.reduce_max(probabilities, axis=-1),
            "probabilities": probabilities,
        }

    def served(self, outputs: tf.Tensor) -> Tensors:
        """Returns classes and scores, best first."""
        probabilities = self.turned(outputs)
        # A stable order gives `label` of the default signature the first place, in ties too.
        order = tf.argsort(probabilities, axis=-1, direction="DESCENDING", stable=True)
        scores = tf.gather(probabilities, order, batch_dims=1)
        return {"classes": tf.gather(self._labels(), order), "scores": scores}

    def turned(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns probabilities."""
        return tf.nn.softmax(outputs / self._temperature)

    def _labels(self) -> tf.Tensor:
        # A constant and a gather need no lookup table, which would have to be tracked and initialised.
        return tf.constant([name.encode("utf-8") for name in self._names], tf.string)


class Sets(Classes):
    """Any of several labels.

    Args:
        exportable: Gives class names, temperature and thresholds.
    """

    def __init__(self, exportable: Exportable) -> None:
        super().__init__(exportable)
        self._thresholds = exportable.thresholds

    def best(self, outputs: tf.Tensor) -> Tensors:
        """Returns probabilities, whether they reach their thresholds, and the names they belong to."""
        probabilities = self.turned(outputs)
        names = tf.broadcast_to(self._labels()[None], tf.shape(probabilities))
        return {
            "probabilities": probabilities,
            "predicted": probabilities >= tf.constant(self._thresholds, tf.float32),
            "label_names": tf.ensure_shape(names, (None, len(self._names))),
        }

    def turned(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns probabilities, each by itself."""
        return tf.nn.sigmoid(outputs / self._temperature)


class Numbers:
    """A number.

    Args:
        exportable: Gives the band.
    """

    request = "regress"
    main = "value"

    def __init__(self, exportable: Exportable) -> None:
        self._radius = float(exportable.band or 0.0)

    def best(self, outputs: tf.Tensor) -> Tensors:
        """Returns the number and the ends of the band around it, (b,) each."""
        value = outputs[:, 0]
        return {"value": value, "low": value - self._radius, "high": value + self._radius}

    def served(self, outputs: tf.Tensor) -> Tensors:
        """Returns the number as TensorFlow Serving's Regress takes it, (b, 1)."""
        return {"outputs": outputs}

    def turned(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the number as it is."""
        return outputs

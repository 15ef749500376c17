"""The output `ood_score` of a bundle: how foreign an example is, computed in the graph from features or logits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import tensorflow as tf

from tlzoo.bundle import OodFacts
from tlzoo.metrics import ood

OUTPUT = "ood_score"


@dataclass(frozen=True, eq=False)
class OodScore:
    """How foreign inputs are told.

    Attributes:
        method: `mahalanobis` of features, or `energy` of logits.
        threshold: Above it, an example is called foreign.
        detector: For `mahalanobis`.
        kept: Share of the validation split that does not exceed the threshold.
    """

    method: Literal["mahalanobis", "energy"]
    threshold: float
    detector: ood.Mahalanobis | None = None
    kept: float = ood.KEPT

    def __call__(self, features: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns float32 (b,), higher is more foreign.

        Args:
            features: float32 (b, d).
            logits: float32 (b, c).
        """
        if self.method == "energy":
            return -tf.reduce_logsumexp(logits, axis=-1)
        weights, rest = self._weights, self._rest
        centred = features - weights["centre"]
        along = tf.matmul(centred, weights["axes"])
        shadow = tf.matmul(along * tf.square(weights["lengths"]), weights["axes"], transpose_b=True)
        across = (centred - shadow) / rest
        squares = _squared(along, weights["along"]) + _squared(across, weights["across"])
        return tf.reduce_min(squares, axis=1) / tf.cast(tf.shape(features)[1], tf.float32)

    def reference(self, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Returns the same in NumPy, float32 (b,)."""
        if self.method == "energy":
            return ood.energy(logits).astype(np.float32)
        assert self.detector is not None  # noqa: S101 - `Exportable` checks it
        return self.detector(features).astype(np.float32)

    def facts(self) -> OodFacts:
        """Returns what the bundle's description says of it."""
        return OodFacts(method=self.method, threshold=self.threshold, kept=self.kept)

    @property
    def _rest(self) -> float:
        assert self.detector is not None  # noqa: S101 - `Exportable` checks it
        return self.detector.rest

    @cached_property
    def _weights(self) -> dict[str, tf.Variable]:
        """The detector's arrays as variables: every signature shares them, and they are written once."""
        detector = self.detector
        assert detector is not None  # noqa: S101 - `Exportable` checks it
        along, across = detector.split(np.asarray(detector.means, np.float64))
        arrays = {
            "centre": detector.centre,
            "axes": detector.axes,
            "lengths": detector.lengths,
            "along": along,
            "across": across,
        }
        with tf.init_scope():
            return {
                name: tf.Variable(np.asarray(array, np.float32), trainable=False, name=f"ood/{name}")
                for name, array in arrays.items()
            }


def _squared(rows: tf.Tensor, means: tf.Tensor) -> tf.Tensor:
    """Returns squared distances (b, c) of rows (b, k) to means (c, k)."""
    lengths = tf.reduce_sum(tf.square(rows), axis=1)[:, None] + tf.reduce_sum(tf.square(means), axis=1)
    return tf.maximum(lengths - 2 * tf.matmul(rows, means, transpose_b=True), 0.0)

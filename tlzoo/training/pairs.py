"""Contrastive tuning: a backbone learns that examples of one class lie close together, those of two far apart.

SetFit's first half (Tunstall et al., "Efficient Few-Shot Learning Without Prompts", 2022, arXiv:2209.11055): pairs of
examples, the cosine of their features, and its squared distance from 1 or 0. Pairs are drawn as they are needed, a
pure function of seed, epoch and step, so that memory does not grow with the square of the examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tlzoo.backbones.backbone import Backbone
from tlzoo.errors import DataError

VALIDATION_PAIRS = 256
"""Pairs of the validation split on which an epoch is judged, at most."""

VALIDATION_SEED = 7_919
"""Keeps the pairs that judge the same in every epoch."""

Reader = Callable[[np.ndarray], np.ndarray]


def pair_model(backbone: Backbone) -> keras.Model:
    """Returns the model from two examples, as the backbone eats them, to the cosine (b, 1) of their features."""
    eaten = backbone.model.input
    one, other = (keras.Input(eaten.shape[1:], dtype=eaten.dtype, name=name) for name in ("one", "other"))
    features = [backbone.model(inputs) for inputs in (one, other)]
    cosine = keras.layers.Dot(axes=1, normalize=True, dtype="float32", name="cosine")(features)
    return keras.Model([one, other], cosine, name=f"{backbone.card.name}_pairs")


class Pairs:
    """Draws pairs: as many of one class as of two, classes equally often, whatever their sizes.

    Args:
        labels: Of the examples, integers (n,).

    Raises:
        DataError: No class has two examples, or there is one class only.
    """

    def __init__(self, labels: np.ndarray) -> None:
        members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self._members = members
        self._several = [at for at, found in enumerate(members) if len(found) > 1]
        if not self._several or len(members) < 2:
            raise DataError(
                f"No pairs can be drawn from {len(labels)} examples of {len(members)} classes.",
                allowed="two classes or more, one of them with two examples.",
                do="Add examples, or use the recipe feature_extraction.",
            )

    @classmethod
    def possible(cls, labels: np.ndarray) -> bool:
        """Tells if pairs can be drawn from examples of these labels."""
        counts = np.unique(labels, return_counts=True)[1]
        return len(counts) > 1 and bool((counts > 1).any())

    def draw(self, count: int, *seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns positions of the ones and of the others, int (count,), and targets float32 (count, 1).

        Args:
            count: How many pairs; the first half are of one class.
            *seed: The same numbers give the same pairs.
        """
        random = np.random.default_rng(seed)
        same = (count + 1) // 2
        pairs = [
            random.choice(self._members[random.choice(self._several)], 2, replace=False) for _ in range(same)
        ]
        for _ in range(count - same):
            classes = random.choice(len(self._members), 2, replace=False)
            pairs.append(np.array([random.choice(self._members[at]) for at in classes]))
        one, other = np.array(pairs).T
        targets = (np.arange(count) < same).astype(np.float32)[:, None]
        return one, other, targets


def pair_batches(
    read: Reader, pairs: Pairs, batch_size: int, spec: tf.TensorSpec, batches: Sequence[tuple[int, ...]]
) -> tf.data.Dataset:
    """Returns batches ((one, other), targets).

    Args:
        read: Gives examples (m, …) for positions int (m,).
        pairs: Draws them.
        batch_size: Pairs a step.
        spec: What the backbone eats.
        batches: The seed of each batch, in order.
    """

    def batch(number: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        one, other, targets = pairs.draw(batch_size, *batches[int(number)])
        return read(one), read(other), targets

    def load(number: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
        kinds = [spec.dtype, spec.dtype, tf.float32]
        one, other, targets = tf.numpy_function(batch, [number], kinds, stateful=False)
        return (tf.ensure_shape(one, spec.shape), tf.ensure_shape(other, spec.shape)), tf.ensure_shape(
            targets, (None, 1)
        )

    return tf.data.Dataset.range(len(batches)).map(load, num_parallel_calls=1, deterministic=True).prefetch(2)

"""Feeds batches to `fit()`, the same ones however often a run was stopped.

Every batch is a pure function of seed, epoch and position, so a resumed run sees what an uninterrupted one would
have seen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from tlzoo.data.augment import augment, mixup
from tlzoo.plans import Augment

BUCKETS = 32
"""Batches among which inputs are sorted by length."""

Reader = Callable[[np.ndarray], np.ndarray]
"""Gives rows (m, …) for indices int (m,)."""


@dataclass(frozen=True)
class Examples:
    """Inputs by index, with targets and weights.

    Attributes:
        read: Gives inputs for indices.
        shape: Shape of one input; None where it differs from batch to batch.
        dtype: Type of the inputs (`uint8` pixels, `float32` features, `int32` tokens, `string`).
        targets: float32 (n, c), one-hot for classes.
        weights: One weight per example, float32 (n,).
        lengths: Length of each input, int (n,), where batches of inputs alike in length cost less; else None.
    """

    read: Reader
    shape: tuple[int | None, ...]
    dtype: str
    targets: np.ndarray
    weights: np.ndarray
    lengths: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def with_targets(self, targets: np.ndarray) -> Examples:
        """Returns the same inputs with other targets float32 (n, c)."""
        return replace(self, targets=targets)

    def shuffled(self, batch_size: int, seed: int, epoch: int) -> np.ndarray:
        """Returns the order of an epoch, int (n,): random, and alike in length within a batch.

        Args:
            batch_size: Examples a step.
            seed: The same seed and epoch give the same order.
            epoch: From 0.
        """
        random = np.random.default_rng([seed, epoch])
        order = random.permutation(len(self))
        if self.lengths is None:
            return order
        window = BUCKETS * batch_size
        parts = [order[at : at + window] for at in range(0, len(order), window)]
        batches = [
            batch
            for part in parts
            for batch in _batches(part[np.argsort(self.lengths[part], kind="stable")], batch_size)
        ]
        # Only whole batches change places, so that every step but the last is full.
        whole = [batch for batch in batches if len(batch) == batch_size]
        rest = [batch for batch in batches if len(batch) < batch_size]
        return np.concatenate([*(whole[at] for at in random.permutation(len(whole))), *rest])

    def in_order(self) -> np.ndarray:
        """Returns the order for a pass that changes nothing, int (n,): as they are, or by length."""
        return np.arange(len(self)) if self.lengths is None else np.argsort(self.lengths, kind="stable")


def _batches(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Returns how many steps an epoch takes; the last, smaller batch counts."""
    return -(-examples // batch_size)


def training_batches(
    examples: Examples, batch_size: int, seed: int, policy: Augment, *, first_epoch: int, epochs: int
) -> tf.data.Dataset:
    """Returns shuffled, augmented batches (inputs, targets, weights) of epochs `first_epoch` to `epochs`.

    Args:
        examples: What to draw from.
        batch_size: Examples a step.
        seed: Of order and augmentation.
        policy: How pixels may change.
        first_epoch: Epoch to begin with; 0 unless a run is resumed.
        epochs: Epoch to end before.
    """
    steps = steps_per_epoch(len(examples), batch_size)

    # Two: batches are read ahead, across the border of an epoch too.
    @functools.lru_cache(maxsize=2)
    def order(epoch: int) -> np.ndarray:
        return examples.shuffled(batch_size, seed, epoch)

    def batch(number: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        epoch, step = divmod(int(number), steps)
        chosen = order(epoch)[step * batch_size : (step + 1) * batch_size]
        seeds = np.stack([np.full(len(chosen), seed * 100_003 + epoch), chosen], axis=1).astype(np.int32)
        return examples.read(chosen), examples.targets[chosen], examples.weights[chosen], seeds

    def load(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        kinds = [tf.as_dtype(examples.dtype), tf.float32, tf.float32, tf.int32]
        inputs, targets, weights, seeds = tf.numpy_function(batch, [number], kinds, stateful=False)
        inputs.set_shape((None, *examples.shape))
        targets.set_shape((None, examples.targets.shape[1]))
        weights.set_shape((None,))
        seeds.set_shape((None, 2))
        return inputs, targets, weights, seeds

    def change(
        inputs: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, seeds: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        if inputs.dtype == tf.uint8:
            inputs = tf.cast(inputs, tf.float32)
        if policy.active:
            inputs = augment(inputs, seeds, policy)
        if policy.mixup:
            inputs, targets = mixup(inputs, targets, seeds[0], policy.mixup)
        return inputs, targets, weights

    numbers = tf.data.Dataset.range(first_epoch * steps, epochs * steps)
    batches = numbers.map(load, num_parallel_calls=2, deterministic=True)
    return batches.map(change, num_parallel_calls=1, deterministic=True).prefetch(2)


def plain_batches(examples: Examples, batch_size: int) -> tf.data.Dataset:
    """Returns batches unchanged, in order or by length: (inputs, targets, weights)."""
    order = examples.in_order()

    def batch(number: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = order[int(number) * batch_size : (int(number) + 1) * batch_size]
        return examples.read(chosen), examples.targets[chosen], examples.weights[chosen]

    def load(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        kinds = [tf.as_dtype(examples.dtype), tf.float32, tf.float32]
        inputs, targets, weights = tf.numpy_function(batch, [number], kinds, stateful=False)
        inputs.set_shape((None, *examples.shape))
        targets.set_shape((None, examples.targets.shape[1]))
        weights.set_shape((None,))
        return tf.cast(inputs, tf.float32) if inputs.dtype == tf.uint8 else inputs, targets, weights

    steps = steps_per_epoch(len(examples), batch_size)
    return tf.data.Dataset.range(steps).map(load, num_parallel_calls=2, deterministic=True).prefetch(2)

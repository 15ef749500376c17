"""Feeds batches to `fit()`, the same ones however often a run was stopped.

Every batch is a pure function of seed, epoch and position, so a resumed run sees what an uninterrupted one would
have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tlzoo.data.augment import augment, mixup
from tlzoo.plans import Augment

Reader = Callable[[np.ndarray], np.ndarray]
"""Gives rows (m, …) for indices int (m,)."""


@dataclass(frozen=True)
class Examples:
    """Inputs by index, with targets and weights.

    Attributes:
        read: Gives inputs for indices.
        shape: Shape of one input.
        dtype: Type of the inputs (`uint8` pixels, `float32` features).
        targets: One-hot float32 (n, c).
        weights: One weight per example, float32 (n,).
    """

    read: Reader
    shape: tuple[int, ...]
    dtype: str
    targets: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


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

    def batch(number: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        epoch, step = divmod(int(number), steps)
        order = np.random.default_rng([seed, epoch]).permutation(len(examples))
        chosen = order[step * batch_size : (step + 1) * batch_size]
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
    """Returns batches in order, unchanged: (inputs, targets, weights)."""

    def batch(number: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = np.arange(len(examples))[int(number) * batch_size : (int(number) + 1) * batch_size]
        return examples.read(chosen), examples.targets[chosen], examples.weights[chosen]

    def load(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        kinds = [tf.as_dtype(examples.dtype), tf.float32, tf.float32]
        inputs, targets, weights = tf.numpy_function(batch, [number], kinds, stateful=False)
        inputs.set_shape((None, *examples.shape))
        targets.set_shape((None, examples.targets.shape[1]))
        weights.set_shape((None,))
        return tf.cast(inputs, tf.float32), targets, weights

    steps = steps_per_epoch(len(examples), batch_size)
    return tf.data.Dataset.range(steps).map(load, num_parallel_calls=2, deterministic=True).prefetch(2)

"""A linear bottleneck and a linear head that learn from labelled source and unlabelled target features at once.

Both are linear, so what is learned is one Dense layer in the end and is served as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlzoo.alignment.losses import ramp
from tlzoo.alignment.pull import Objective, Pull
from tlzoo.tasks.classification import class_weights, cross_entropy

ops = keras.ops


@dataclass(frozen=True)
class Learning:
    """How a head is learned.

    Attributes:
        objective: What pulls the domains together: `mmd` (DAN), `coral` (Deep CORAL), `dann`, `cdan` or `mcc`.
        trade_off: Its weight beside the cross-entropy of the source, 0 or more.
        width: Of the bottleneck.
        steps: How many.
        batch_size: Examples of each domain a step.
        rate: Peak of Adam's learning rate, which falls to 0 along a cosine.
        strength: Of the examples against half the squared norm of the kernel, as for `adaptation.heads.fit`.
        seed: Of weights and order.
    """

    objective: Objective
    trade_off: float = 1.0
    width: int = 128
    steps: int = 300
    batch_size: int = 64
    rate: float = 1e-3
    strength: float = 1e-3
    seed: int = 0


class DomainLearner(keras.Model):
    """The bottleneck, the head, and what pulls the domains together behind the bottleneck.

    Args:
        classes: How many.
        how: The objective and its weight.
        examples: Of the source, which the penalty is shared by.
    """

    def __init__(self, classes: int, how: Learning, examples: int) -> None:
        super().__init__()
        self.how, self.examples = how, examples
        seed = how.seed
        self.bottleneck = keras.layers.Dense(
            how.width, kernel_initializer=keras.initializers.Orthogonal(seed=seed), name="bottleneck"
        )
        self.head = keras.layers.Dense(classes, kernel_initializer="zeros", name="head")
        self.pull = Pull(how.objective, classes, seed)
        self.done = self.add_weight(shape=(), initializer="zeros", trainable=False, name="done")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes all weights, for features (b, d)."""
        width = self.how.width
        self.bottleneck.build(input_shape)
        self.head.build((None, width))
        self.pull.build((None, width))

    def call(self, features: Any) -> Any:
        """Returns logits (b, c) of features (b, d)."""
        return self.head(self.bottleneck(features))

    def train_step(self, data: Any) -> dict[str, Any]:
        """Takes a step on one batch of (source features, one-hot labels, weights, target features)."""
        source, labels, weights, target = data
        with tf.GradientTape() as tape:
            low, high = self.bottleneck(source), self.bottleneck(target)
            said, guessed = self.head(low), self.head(high)
            task = ops.mean(weights * cross_entropy(labels, said)) + self._penalty()
            factor = ramp(self.done / self.how.steps)
            added, pull = self.pull.loss((low, high), (said, guessed), factor * self.how.trade_off)
            loss = task + added
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.done.assign_add(1.0)
        return {"loss": task, "alignment": pull}

    def _penalty(self) -> Any:
        """Returns half the squared norm of the one kernel both layers make, in the unit of `fit`'s strength."""
        kernel = ops.matmul(self.bottleneck.kernel, self.head.kernel)
        return 0.5 * ops.sum(ops.square(kernel)) / (self.how.strength * self.examples)


def learn(
    source: np.ndarray, labels: np.ndarray, target: np.ndarray, classes: int, how: Learning
) -> tuple[np.ndarray, np.ndarray]:
    """Learns a head from both domains.

    Args:
        source: Features (n, d), of about unit deviation.
        labels: Integers (n,) in 0..c-1.
        target: Features (m, d), brought into the same space.
        classes: c.
        how: The objective and its options.

    Returns:
        Kernel float32 (d, c) and bias float32 (c,), the bottleneck folded in.
    """
    keras.utils.set_random_seed(how.seed)
    model = DomainLearner(classes, how, len(source))
    model.build((None, source.shape[1]))
    rate = keras.optimizers.schedules.CosineDecay(how.rate, how.steps)
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=1.0),
        jit_compile=False,
        steps_per_execution=_at_once(how.steps),
    )
    batches = _batches(source, labels, target, classes, how)
    model.fit(batches, steps_per_epoch=how.steps, epochs=1, verbose=0, shuffle=False)
    first, second = (
        [ops.convert_to_numpy(each) for each in layer.weights] for layer in (model.bottleneck, model.head)
    )
    return first[0] @ second[0], first[1] @ second[0] + second[1]


def _at_once(steps: int) -> int:
    return max(count for count in range(1, min(steps, 50) + 1) if steps % count == 0)


def _batches(
    source: np.ndarray, labels: np.ndarray, target: np.ndarray, classes: int, how: Learning
) -> tf.data.Dataset:
    """Returns endless batches of both domains, each in an order of its own, every class weighing the same."""
    weights = class_weights(labels, classes, "balanced")[labels]
    hot = np.eye(classes, dtype=np.float32)[labels]
    sizes = [min(how.batch_size, len(each)) for each in (source, target)]
    size = min(sizes)

    def endless(values: Any, seed: int) -> tf.data.Dataset:
        slices = tf.data.Dataset.from_tensor_slices(values)
        count = len(values[0]) if isinstance(values, tuple) else len(values)
        return slices.shuffle(count, seed=seed).repeat().batch(size, drop_remainder=True)

    first = endless((source.astype(np.float32), hot, weights), how.seed)
    second = endless(target.astype(np.float32), how.seed + 1)
    return tf.data.Dataset.zip(first, second).map(lambda known, other: (*known, other)).prefetch(2)

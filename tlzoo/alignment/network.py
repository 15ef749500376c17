"""A whole network that learns from labelled source and unlabelled target images at once.

Weights are shared, statistics are not: each domain is normalised by its own batch, so that what AdaBN does once holds
while the weights move (Chang et al., "Domain-specific batch normalization for unsupervised domain adaptation",
CVPR 2019, with affine parameters shared).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import keras
import tensorflow as tf

from tlzoo.alignment.losses import ramp
from tlzoo.alignment.pull import OBJECTIVES, Objective, Pull
from tlzoo.tasks.classification import cross_entropy

ops = keras.ops

TuneObjective = Literal["self_training", "mmd", "coral", "dann", "cdan", "mcc"]
TUNE_OBJECTIVES: tuple[str, ...] = get_args(TuneObjective)


@dataclass(frozen=True)
class Joint:
    """What a step learns from, and how.

    Attributes:
        objective: `self_training` (cross-entropy of pseudo-labels), or what pulls the domains together.
        trade_off: Its weight beside the cross-entropy of the source, 0 or more; it rises from 0 over the first third.
        steps: How many there will be.
        smoothing: Share of each label spread over all classes.
        seed: Of a domain classifier's weights.
    """

    objective: TuneObjective
    trade_off: float = 1.0
    steps: int = 100
    smoothing: float = 0.1
    seed: int = 0


class JointStep:
    """Takes steps on batches of (source, one-hot, weights, target, pseudo-one-hot, pseudo-weights).

    Args:
        features: Model from inputs to features (b, k); it is called with `training=True`, and its BatchNormalization
            layers must then normalise by the batch.
        head: Dense layer from features to logits (b, c), built.
        variables: Those of `features` that learn; the head's learn too.
        optimizer: Not built yet; what it is built for are `variables`, the head's, and those of the pull.
        how: What is learned.
    """

    def __init__(
        self,
        features: keras.Model,
        head: keras.layers.Dense,
        variables: Sequence[keras.Variable],
        optimizer: Callable[[Sequence[keras.Variable]], keras.optimizers.Optimizer],
        how: Joint,
    ) -> None:
        self.features, self.head, self.how = features, head, how
        self.pull: Pull | None = None
        if how.objective in OBJECTIVES:
            objective: Objective = how.objective  # type: ignore[assignment]
            self.pull = Pull(objective, head.units, how.seed)
            self.pull.build((None, features.output_shape[-1]))
        added = self.pull.trainable_variables if self.pull else []
        self.variables = [*variables, *head.trainable_variables, *added]
        self.optimizer = optimizer(self.variables)
        self.optimizer.build(self.variables)
        self._step = tf.function(self._taken, jit_compile=False)

    def __call__(self, batch: tuple[Any, ...], number: int) -> tuple[float, float]:
        """Takes step `number` and returns the losses of the source's labels and of the objective."""
        task, bare = self._step(*batch, tf.constant(number / self.how.steps, tf.float32))
        return float(task), float(bare)

    def _taken(
        self, source: Any, labels: Any, weights: Any, target: Any, pseudo: Any, trusted: Any, progress: Any
    ) -> tuple[Any, Any]:
        smooth = self.how.smoothing
        labels = labels * (1.0 - smooth) + smooth / self.head.units
        factor = ramp(progress) * self.how.trade_off
        with tf.GradientTape() as tape:
            low, high = self.features(source, training=True), self.features(target, training=True)
            said, guessed = self.head(low), self.head(high)
            task = ops.mean(weights * cross_entropy(labels, said))
            if self.pull is None:
                bare = ops.mean(trusted * cross_entropy(pseudo, guessed))
                added = factor * bare
            else:
                added, bare = self.pull.loss((low, high), (said, guessed), factor)
            loss = task + added
        self.optimizer.apply(tape.gradient(loss, self.variables), self.variables)
        return task, bare

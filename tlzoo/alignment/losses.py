"""What pulls two domains together while a head learns: differences, confusion, and an adversary's gradient."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

ops = keras.ops

MCC_TEMPERATURE = 2.5
"""Jin et al., "Minimum class confusion for versatile domain adaptation", ECCV 2020, section 3.2."""

_BANDS = (0.25, 0.5, 1.0, 2.0, 4.0)


def mmd_loss(source: Any, target: Any) -> Any:
    """Returns the squared maximum mean discrepancy of two batches (b, k) under five Gaussian kernels, biased.

    The bandwidths are multiples of the mean squared distance, which no gradient passes. Long et al., "Learning
    transferable features with deep adaptation networks" (DAN), ICML 2015.
    """
    both = ops.concatenate([source, target], axis=0)
    norms = ops.sum(ops.square(both), axis=1)
    squares = ops.maximum(norms[:, None] + norms[None, :] - 2.0 * ops.matmul(both, ops.transpose(both)), 0.0)
    width = ops.stop_gradient(ops.mean(squares)) + 1e-6
    kernel = sum(ops.exp(-squares / (band * width)) for band in _BANDS) / len(_BANDS)
    n = source.shape[0]
    return ops.mean(kernel[:n, :n]) + ops.mean(kernel[n:, n:]) - 2.0 * ops.mean(kernel[:n, n:])


def coral_loss(source: Any, target: Any) -> Any:
    """Returns the mean square of the difference of two batches' covariances, plus that of their means.

    Sun, Saenko, "Deep CORAL", ECCV Workshops 2016, with the means beside the covariances.
    """
    means = ops.mean(source, axis=0) - ops.mean(target, axis=0)
    return ops.mean(ops.square(_covariance(source) - _covariance(target))) + ops.mean(ops.square(means))


def _covariance(batch: Any) -> Any:
    centred = batch - ops.mean(batch, axis=0, keepdims=True)
    return ops.matmul(ops.transpose(centred), centred) / (batch.shape[0] - 1)


def mcc_loss(logits: Any, temperature: float = MCC_TEMPERATURE) -> Any:
    """Returns the minimum class confusion loss of a batch of target logits (b, c), 0 where no classes are confused.

    Examples weigh by certainty, and each row of the class correlation is normalised, so that a rare class counts as a
    common one. Jin et al., ECCV 2020.
    """
    probabilities = ops.softmax(logits / temperature, axis=-1)
    entropy = -ops.sum(probabilities * ops.log(probabilities + 1e-8), axis=-1)
    weights = 1.0 + ops.exp(-entropy)
    weights = weights * (logits.shape[0] / ops.sum(weights))
    correlation = ops.matmul(ops.transpose(probabilities * weights[:, None]), probabilities)
    correlation = correlation / ops.sum(correlation, axis=1, keepdims=True)
    return (ops.sum(correlation) - ops.trace(correlation)) / logits.shape[1]


@tf.custom_gradient
def reversed_gradient(values: Any, factor: Any) -> Any:
    """Returns values as they are, and lets their gradient pass times -factor (Ganin et al., JMLR 2016)."""

    def gradient(upstream: Any) -> Any:
        return -factor * upstream, None

    return tf.identity(values), gradient


def ramp(progress: Any) -> Any:
    """Returns 2 / (1 + e^(-10 p)) - 1 of the progress 0..1: nothing at first, all from a third on (Ganin et al.)."""
    return 2.0 / (1.0 + ops.exp(-10.0 * progress)) - 1.0


def conditioned(features: Any, logits: Any) -> Any:
    """Returns each example's features times each of its probabilities, flat: (b, k * c).

    Long et al., "Conditional adversarial domain adaptation" (CDAN), NeurIPS 2018. No gradient passes the probabilities.
    """
    probabilities = ops.stop_gradient(ops.softmax(logits, axis=-1))
    outer = probabilities[:, :, None] * features[:, None, :]
    return ops.reshape(outer, (-1, int(np.prod(outer.shape[1:]))))

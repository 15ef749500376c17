"""What a network that learns from two domains at once is fed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.adaptation.heads import Linear, confident
from tlzoo.plans import Phase

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.workflows.domains import Sight

SURE = 0.5
"""Share of the target that is pseudo-labelled, the most confident first, each class by its share in the source."""

Told = tuple[np.ndarray, np.ndarray]
"""One-hot labels float32 (n, c), and weights float32 (n,)."""


@dataclass(frozen=True)
class Feed:
    """How batches are made.

    Attributes:
        phase: Gives epochs (of the source), batch size and augmentation.
        seed: Of order and augmentation.
    """

    phase: Phase
    seed: int = 0


def joint_batches(
    sight: Sight, rows: tuple[np.ndarray, np.ndarray], feed: Feed, begun: Linear
) -> tuple[int, Any]:
    """Returns how many steps there are, and as many batches of both domains, each domain in an order of its own.

    Args:
        sight: Both domains.
        rows: Of the source and of the target, int (k,) and (l,).
        feed: How they are fed.
        begun: Says what target examples are pseudo-labelled as.

    Returns:
        A number, and a data set of (source, one-hot, weights, target, pseudo-one-hot, pseudo-weights).
    """
    import tensorflow as tf

    phase, pair = feed.phase, sight.pair
    size = min(phase.batch_size, len(rows[0]), len(rows[1]))
    steps = phase.epochs * (len(rows[0]) // size)
    known = _labelled(pair.source.labels[rows[0]], begun.kernel.shape[1])
    others = _pseudo_labelled(sight.features("adabn")[1][rows[1]], pair.source.labels[rows[0]], begun)
    streams = [
        _stream(_examples(sight, dataset, at, told), feed, (size, steps), number)
        for number, (dataset, at, told) in enumerate(
            [(pair.source, rows[0], known), (pair.target, rows[1], others)]
        )
    ]
    joined = tf.data.Dataset.zip(*streams).map(lambda first, second: (*first, *second))
    return steps, joined.take(steps)


def _labelled(labels: np.ndarray, classes: int) -> Told:
    from tlzoo.tasks.classification import class_weights

    weights = class_weights(labels, classes, "balanced")[labels]
    return np.eye(classes, dtype=np.float32)[labels], weights.astype(np.float32)


def _pseudo_labelled(target: np.ndarray, labels: np.ndarray, begun: Linear) -> Told:
    """Returns pseudo-labels of the target's confident part; the others weigh nothing."""
    classes = begun.kernel.shape[1]
    shares = np.bincount(labels, minlength=classes) / len(labels)
    chosen, pseudo = confident(begun.logits(target), shares, SURE)
    hot, weights = np.zeros((len(target), classes), np.float32), np.zeros(len(target), np.float32)
    hot[chosen], told = _labelled(pseudo, classes)
    weights[chosen] = told * len(target) / max(1, len(chosen))
    return hot, weights


def _examples(sight: Sight, dataset: Dataset, rows: np.ndarray, told: Told) -> Any:
    from tlzoo.data.pixels import open_pixels
    from tlzoo.training.feed import Examples

    size = sight.backbone.size
    _, pixels = open_pixels(dataset, size, sight.resize)
    return Examples(lambda at: pixels.read(rows[at]), (*size, 3), "uint8", *told)


def _stream(examples: Any, feed: Feed, count: tuple[int, int], number: int) -> Any:
    """Returns at least so many batches of one domain, all of them full: statistics of a few images mean nothing."""
    from tlzoo.training.feed import training_batches

    size, steps = count
    epochs = -(-steps // (len(examples) // size))
    seed, augment = 2 * feed.seed + number, feed.phase.augment
    batches = training_batches(examples, size, seed, augment, first_epoch=0, epochs=epochs)

    def shaped(inputs: Any, targets: Any, weights: Any) -> Any:
        each = (inputs, targets, weights)
        return tuple(_with_length(tensor, size) for tensor in each)

    return batches.filter(lambda inputs, _, __: _length(inputs) == size).map(shaped)


def _length(tensor: Any) -> Any:
    import tensorflow as tf

    return tf.shape(tensor)[0]


def _with_length(tensor: Any, size: int) -> Any:
    import tensorflow as tf

    return tf.ensure_shape(tensor, (size, *tensor.shape[1:]))

"""AdaBN: the statistics of a network's BatchNormalization layers, estimated anew on another domain's images.

Weights stay as they are. Li et al., "Revisiting batch normalization for practical domain adaptation", 2016.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlzoo import paths
from tlzoo.backbones import keras_private
from tlzoo.backbones.backbone import Backbone
from tlzoo.backbones.weights import read_arrays, write_arrays
from tlzoo.data.dataset import Dataset
from tlzoo.data.stream import stream_pixels
from tlzoo.errors import WeightsError
from tlzoo.plans import Resize
from tlzoo.progress import Progress

VERSION = 1
"""Raised whenever the estimate changes."""

BATCH = 64
MOST = 4096
"""Images that are looked at; more would change a mean no more."""

Statistics = dict[str, np.ndarray]
"""Means and variances of each layer in turn: `00000|mean`, `00000|variance`."""


def normalisations(backbone: Backbone) -> list[keras.layers.BatchNormalization]:
    """Returns the layers whose statistics can be estimated anew; empty where there are none (most text networks)."""
    return [each for each in backbone.batchnorms() if isinstance(each, keras.layers.BatchNormalization)]


def reestimate(
    backbone: Backbone, dataset: Dataset, resize: Resize, progress: Progress | None = None
) -> Statistics:
    """Estimates the statistics of every BatchNormalization on a data set's images; nothing of the backbone changes.

    One pass in which every layer normalises by its own batch, so that what a layer sees is already adapted below it.
    Statistics are kept in the cache. Labels are not looked at.

    Args:
        backbone: Has `normalisations`.
        dataset: Images; at most 4,096 of them, drawn at random, are looked at.
        resize: The policy that brings them to the backbone's size.
        progress: Told how far the pass is.
    """
    path = paths.cache_dir() / "statistics" / f"{_key(backbone, dataset, resize)}.npz"
    if path.is_file():
        with contextlib.suppress(WeightsError):
            return read_arrays(path)
    found = estimate(backbone, dataset, resize, progress)
    write_arrays(path, found)
    return found


def assign(backbone: Backbone, statistics: Statistics) -> Backbone:
    """Gives the network other statistics.

    Args:
        backbone: Its network is changed.
        statistics: From `reestimate`, or from `current`.

    Returns:
        A backbone of the same network, whose hash is that of the new weights.
    """
    for number, layer in enumerate(normalisations(backbone)):
        layer.moving_mean.assign(statistics[f"{number:05d}|mean"])
        layer.moving_variance.assign(statistics[f"{number:05d}|variance"])
    return replace(backbone)


def current(backbone: Backbone) -> Statistics:
    """Returns the statistics as they are."""
    found: Statistics = {}
    for number, layer in enumerate(normalisations(backbone)):
        found[f"{number:05d}|mean"] = np.array(layer.moving_mean)
        found[f"{number:05d}|variance"] = np.array(layer.moving_variance)
    return found


def estimate(
    backbone: Backbone, dataset: Dataset, resize: Resize, progress: Progress | None = None
) -> Statistics:
    """Does what `reestimate` does, and keeps nothing: for weights that nobody else has."""
    order = np.random.default_rng(0).permutation(len(dataset))[:MOST]
    size = max(1, min(BATCH, len(order)))
    count = len(order) // size
    sums: Statistics = {}
    squares: Statistics = {}
    with normalising_by_batch(backbone, momentum=0.0):
        forward = _forward(backbone)
        batches = stream_pixels(dataset, order[: count * size], backbone.size, resize, size)
        seen = 0
        for pixels, _ in batches:
            forward(tf.constant(pixels))
            seen += 1
            for name, value in current(backbone).items():
                value = value.astype(np.float64)
                sums[name] = sums.get(name, 0.0) + value
                if name.endswith("mean"):
                    squares[name] = squares.get(name, 0.0) + value**2
            if progress:
                progress(min(seen * size, len(order)), len(order), "statistics of the domain")
    return _pooled(sums, squares, seen)


def _pooled(sums: Statistics, squares: Statistics, batches: int) -> Statistics:
    """Returns means over batches, and variances within batches plus those between them."""
    found = {name: total / batches for name, total in sums.items()}
    for name, total in squares.items():
        between = np.maximum(total / batches - found[name] ** 2, 0.0)
        found[name.replace("mean", "variance")] += between
    return {name: value.astype(np.float32) for name, value in found.items()}


@contextlib.contextmanager
def normalising_by_batch(backbone: Backbone, momentum: float = 1.0) -> Iterator[None]:
    """Has every BatchNormalization normalise by its batch under `training=True`, nothing else; then undoes it.

    Args:
        backbone: Has `normalisations`; its layers' trainability and statistics are put back at the end.
        momentum: 1 leaves moving statistics alone; 0 leaves each batch's own in the layers.
    """
    layers = normalisations(backbone)
    before = current(backbone)
    kept = [(layer, "momentum", layer.momentum) for layer in layers]
    kept += [(layer, "trainable", layer.trainable) for layer in layers]
    drops = [each for each in keras_private.leaf_layers(backbone.network) if _drops(each)]
    kept += [(layer, "rate", layer.rate) for layer in drops]
    try:
        for layer in layers:
            layer.trainable, layer.momentum = True, momentum
        for layer in drops:
            layer.rate = 0.0
        yield
    finally:
        for layer, name, value in kept:
            setattr(layer, name, value)
        assign(backbone, before)


def _forward(backbone: Backbone) -> Any:
    """Returns a graph of the network as it trains; momentum and rates are part of it."""
    spec = tf.TensorSpec((None, *backbone.size, 3), tf.uint8)

    @tf.function(input_signature=[spec], jit_compile=False)
    def forward(pixels: tf.Tensor) -> tf.Tensor:
        return backbone.model(tf.cast(pixels, tf.float32), training=True)

    return forward


def _drops(layer: keras.layers.Layer) -> bool:
    """True for layers that leave something out while training; a network that is only looked at needs all of it."""
    return isinstance(getattr(layer, "rate", None), float) and (
        isinstance(layer, keras.layers.Dropout)
        or "Drop" in type(layer).__name__
        or "Depth" in type(layer).__name__
    )


def _key(backbone: Backbone, dataset: Dataset, resize: Resize) -> str:
    facts = {
        "version": VERSION,
        "weights": backbone.weights_hash,
        "size": backbone.size,
        "resize": resize,
        "preprocessing": backbone.card.preprocessing.model_dump_json(),
        "images": hashlib.sha256("".join(dataset.digests).encode()).hexdigest(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]

"""Stochastic normalisation: BatchNorm that trusts the batch for some channels and the moving statistics for others.

Kou, You, Long, Wang, "Stochastic Normalization", NeurIPS 2020. Each channel of each layer tosses a coin at every step;
both branches share scale and shift, and the moving statistics move as in BatchNorm. Outside training it is BatchNorm,
with the same variables, so that exports know nothing of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras


class Stochastic(keras.layers.Layer):
    """A backbone whose BatchNorm layers are stochastic while it trains, and which is the plain backbone otherwise.

    Args:
        model: From what the backbone eats to features.
        batchnorms: Its BatchNormalization layers; frozen ones stay as they are.
        share: Chance that a channel is normalised by the batch's statistics.
        seed: Of the coins; their state is a variable of this layer and travels in checkpoints.
    """

    def __init__(self, model: keras.layers.Layer, batchnorms: Sequence[Any], share: float, seed: int) -> None:
        super().__init__(dtype="float32", name="stochastic")
        self.model = model
        self.coins = keras.random.SeedGenerator(seed)
        self._share, self._batchnorms = (
            share,
            lambda: batchnorms,
        )  # a list would be taken for parts of this layer

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the features (b, d)."""
        if not training:
            return self.model(inputs, training=training)
        with _tossing(self._batchnorms(), self._share, self.coins):
            return self.model(inputs, training=training)


@contextlib.contextmanager
def _tossing(batchnorms: Sequence[Any], share: float, coins: keras.random.SeedGenerator) -> Iterator[None]:
    changed = [layer for layer in batchnorms if layer.trainable]
    for layer in changed:
        layer.__dict__["call"] = _stochastic(layer, layer.call, share, coins)
    try:
        yield
    finally:
        for layer in changed:
            del layer.__dict__["call"]


def _stochastic(layer: Any, plain: Any, share: float, coins: keras.random.SeedGenerator) -> Any:
    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        before = plain(inputs, training=False, mask=mask)  # by the statistics as they were before this batch
        batch = plain(inputs, training=training, mask=mask)
        shape = [1] * len(inputs.shape)
        shape[layer.axis] = layer.moving_mean.shape[0]
        tossed = keras.random.uniform(shape, dtype="float32", seed=coins) < share
        return keras.ops.where(tossed, batch, before)

    return call

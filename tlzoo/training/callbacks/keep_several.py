"""Keeps the weights of the best few epochs, for a soup; its state can be saved and resumed."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from tlzoo.backbones.weights import snapshot

Weights = dict[str, np.ndarray]


class KeepSeveral(keras.callbacks.Callback):
    """Keeps the epochs of the least validation loss.

    Args:
        count: How many; 0 keeps none.

    Attributes:
        kept: (validation loss, epoch, weights), best first; of equal losses the earlier one.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self.kept: list[tuple[float, int, Weights]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps this epoch if it is among the best."""
        value = float((logs or {}).get("val_loss", math.nan))
        if math.isnan(value) or not self._count:
            return
        if len(self.kept) < self._count or value < self.kept[-1][0]:
            self.kept.append((value, epoch, snapshot(self.model.weights)))
            self.kept = sorted(self.kept, key=lambda each: each[:2])[: self._count]

    def state(self) -> list[tuple[float, int]]:
        """Returns what a checkpoint must hold beside the weights."""
        return [(value, epoch) for value, epoch, _ in self.kept]

    def resume(self, state: list[tuple[float, int]], weights: list[Weights]) -> None:
        """Goes on from what `state` and `kept` were."""
        self.kept = [(value, epoch, each) for (value, epoch), each in zip(state, weights, strict=True)]

"""Keeps the best (or the last) epoch's weights and stops when nothing improves; its state can be saved and resumed."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from tlzoo.backbones.weights import restore, snapshot


class KeepBest(keras.callbacks.Callback):
    """Early stopping with the best weights, by validation loss.

    `keras.callbacks.EarlyStopping` cannot be resumed and `ModelCheckpoint` remembers the best of an earlier phase
    (keras#13488); this one begins anew with each phase and carries its state through a checkpoint.

    Args:
        patience: Epochs without gain before training stops; 0 never stops.
        last: Whether the last epoch counts as the best, unless its loss is no number.
    """

    def __init__(self, patience: int = 0, *, last: bool = False) -> None:
        super().__init__()
        self.patience, self.last = patience, last
        self.value = float("inf")
        self.epoch = -1
        self.waited = 0
        self.weights: dict[str, np.ndarray] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compares this epoch with the best one."""
        value = float((logs or {}).get("val_loss", float("inf")))
        value = float("inf") if math.isnan(value) else value
        if value < self.value or self.epoch < 0 or (self.last and value < float("inf")):
            self.value, self.epoch, self.waited = value, epoch, 0
            self.weights = snapshot(self.model.weights)
        else:
            self.waited += 1
        if self.patience and self.waited >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Puts the kept epoch's weights back."""
        if self.weights:
            restore(self.model.weights, self.weights, origin="best epoch")

    def state(self) -> dict[str, Any]:
        """Returns what a checkpoint must hold beside the weights."""
        return {"value": self.value, "epoch": self.epoch, "waited": self.waited}

    def resume(self, state: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
        """Goes on from what `state` returned."""
        self.value, self.epoch, self.waited = state["value"], state["epoch"], state["waited"]
        self.weights = weights

"""Moving statistics of BatchNorm that begin with random weights, and must have arrived when a phase ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tlzoo.features.statistics import normalisations
from tlzoo.plans import Phase
from tlzoo.training.context import Context
from tlzoo.training.feed import steps_per_epoch

LEAST = 0.5
"""Momentum of the shortest phases: statistics of the last few batches."""


@contextlib.contextmanager
def settling(context: Context, phase: Phase) -> Iterator[None]:
    """Has moving statistics of random weights arrive within the steps of a phase; layers are then as they were.

    Keras moves them by a hundredth a step. After 100 steps a third of them is still what they began with, and a network
    would answer by chance what it has long learned. Pretrained statistics are where they belong from the first step.

    Args:
        context: What the phase may use; its plan says where weights begin.
        phase: Says how many steps there are.
    """
    layers = [] if context.plan.pretrained else normalisations(context.backbone)
    steps = phase.epochs * (phase.steps or steps_per_epoch(len(context.splits.train), phase.batch_size))
    before = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = min(layer.momentum, max(LEAST, 1 - 10 / steps))
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum

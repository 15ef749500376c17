"""How long the steps of a phase take on this machine, measured on the first of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tlzoo.backbones.weights import restore, snapshot
from tlzoo.plans import Augment, Phase
from tlzoo.training.classifiers import classifier, marked, objective, trainable_parts
from tlzoo.training.context import Context
from tlzoo.training.feed import steps_per_epoch, training_batches
from tlzoo.training.optimizers import make_optimizer
from tlzoo.training.phases import stage_of_variables

STEPS = 4
"""Steps that are timed, after one that is not."""


@dataclass(frozen=True)
class Timing:
    """What a phase costs.

    Attributes:
        start: Seconds before the second step: graphs are traced, images decoded.
        step: Seconds of a training step.
        judging: Seconds that the network takes of one example it does not learn from.
        steps: Training steps of an epoch.
        judged: Validation examples.
    """

    start: float
    step: float
    judging: float
    steps: int
    judged: int

    @property
    def epoch(self) -> float:
        """Seconds of an epoch, validation included."""
        return self.steps * self.step + self.judged * self.judging


def timed(context: Context, phase: Phase) -> Timing:
    """Times a phase; every weight is afterwards as it was.

    Args:
        context: What the phase may use.
        phase: Its `inputs` are `pixels` or `tokens`.
    """
    backbone, begun = context.backbone, time.perf_counter()
    before = snapshot(backbone.network.weights)
    try:
        with trainable_parts(context, phase):
            model = classifier(context, None, phase)
            loss, metrics = objective(context, phase)
            stages = stage_of_variables(context, model)
            model.compile(
                make_optimizer(phase, stages, STEPS + 1), loss=loss, metrics=metrics, jit_compile=False
            )
            train, judged = _batches(context, phase)
            model.train_on_batch(*next(train))
            start = time.perf_counter() - begun
            step = _mean(train, model.train_on_batch)[0]
            model.test_on_batch(*next(judged))
            seconds, examples = _mean(judged, model.test_on_batch)
    finally:
        restore(backbone.network.weights, before, origin="before it was timed")
    steps = steps_per_epoch(len(context.splits.train), phase.batch_size)
    return Timing(start, step, seconds / max(examples, 1), steps, len(context.splits.validation))


def _batches(context: Context, phase: Phase) -> tuple[Iterator[Any], Iterator[Any]]:
    examples = marked(context.examples(context.splits.train, weighted=True), phase, training=True)
    epochs = -(-(STEPS + 1) // steps_per_epoch(len(examples), phase.batch_size))
    train = training_batches(
        examples, phase.batch_size, context.plan.seed, phase.augment, first_epoch=0, epochs=epochs
    )
    # Of training examples, too: a validation split may be smaller than a batch, and its shortest texts come first.
    judged = training_batches(
        examples, phase.batch_size, context.plan.seed, Augment(flip="none"), first_epoch=0, epochs=epochs
    )
    return iter(train), iter(judged)


def _mean(batches: Iterator[Any], act: Any) -> tuple[float, float]:
    """Returns the mean seconds of acting on a batch, and how many examples batches have."""
    times, sizes = [], []
    for _, batch in zip(range(STEPS), batches, strict=False):
        start = time.perf_counter()
        act(*batch)
        times.append(time.perf_counter() - start)
        sizes.append(len(batch[1]))
    return sum(times) / max(len(times), 1), sum(sizes) / max(len(sizes), 1)

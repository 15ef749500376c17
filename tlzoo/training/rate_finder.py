"""The learning rate finder: some steps at rates that grow from nothing to far too much, and what the loss does.

Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, arXiv:1506.01186, §3.3; numbers and the pick
of the rate as in fastai's `lr_find` (`callback/schedule.py`): 1e-7 to 10 in 100 steps, losses smoothed with 0.98, an
end at four times the least of them, and the `valley` pick.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tlzoo.backbones.weights import restore, snapshot
from tlzoo.plans import Phase
from tlzoo.training.classifiers import classifier, marked, objective, trainable_parts
from tlzoo.training.context import Context
from tlzoo.training.feed import steps_per_epoch, training_batches
from tlzoo.training.head_path import Head
from tlzoo.training.optimizers import make_optimizer
from tlzoo.training.phases import stage_of_variables

LOWEST, HIGHEST, STEPS = 1e-7, 10.0, 100
SMOOTHING, TOO_MUCH = 0.98, 4.0
SKIPPED_END = 5
"""Steps at the end that the pick does not look at: there the loss has left already."""


@dataclass(frozen=True)
class RateCurve:
    """What the loss does as rates grow.

    Attributes:
        rates: Highest rate of each step, ascending; stages keep their share of it.
        losses: Loss of each step's batch.
        smoothed: The same, smoothed.
        suggestion: The rate that is picked; None where the loss never fell.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None


def find_rate(context: Context, phase: Phase, head: Head | None, steps: int = STEPS) -> RateCurve:
    """Tries rates on a phase of a plan; every weight is afterwards as it was.

    Args:
        context: What the phase may use.
        phase: Its `inputs` are `pixels` or `tokens`.
        head: Where the head begins; None begins at zero.
        steps: How many rates are tried.

    Returns:
        The curve; it ends where the smoothed loss is four times its least, or no number.
    """
    backbone = context.backbone
    before = snapshot(backbone.network.weights)
    try:
        with trainable_parts(context, phase):
            model = classifier(context, head, phase)
            rates, losses = _tried(context, phase, model, steps)
    finally:
        restore(backbone.network.weights, before, origin="before the rate finder")
    smooth = smoothed(losses)
    return RateCurve(tuple(rates), tuple(losses), tuple(smooth), suggested(rates, smooth, steps))


class Growing(keras.optimizers.schedules.LearningRateSchedule):
    """Grows geometrically from one value to another.

    Args:
        low: Value at step 0, above 0.
        high: Value at the last step.
        steps: How many there are.
    """

    def __init__(self, low: float, high: float, steps: int) -> None:
        super().__init__()
        self.low, self.high, self.steps = low, high, steps

    def __call__(self, step: Any) -> Any:
        """Returns the value at `step`."""
        share = keras.ops.cast(step, "float32") / max(self.steps - 1, 1)
        return self.low * keras.ops.exp(math.log(self.high / self.low) * share)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {"low": self.low, "high": self.high, "steps": self.steps}


def _tried(context: Context, phase: Phase, model: keras.Model, steps: int) -> tuple[list[float], list[float]]:
    """Returns rates and losses, step by step."""
    top = max(phase.rates.values())
    growing = Growing(LOWEST / top, HIGHEST / top, steps)
    optimizer = make_optimizer(phase, stage_of_variables(context, model), steps, growing)
    loss, metrics = objective(context, phase)
    model.compile(optimizer, loss=loss, metrics=metrics, jit_compile=False)
    rates: list[float] = []
    losses: list[float] = []
    for number, batch in zip(range(steps), _batches(context, phase, steps), strict=False):
        rates.append(top * float(growing(number)))
        model.reset_metrics()  # else Keras gives the mean of all steps so far
        losses.append(float(model.train_on_batch(*batch, return_dict=True)["loss"]))
        if context.progress:
            context.progress(number + 1, steps, f"rate {rates[-1]:.1e}, loss {losses[-1]:.3f}")
        if diverged(losses):
            break
    return rates, losses


def _batches(context: Context, phase: Phase, steps: int) -> Iterator[Any]:
    examples = marked(context.examples(context.splits.train, weighted=True), phase, training=True)
    epochs = -(-steps // steps_per_epoch(len(examples), phase.batch_size))
    return iter(
        training_batches(
            examples, phase.batch_size, context.plan.seed, phase.augment, first_epoch=0, epochs=epochs
        )
    )


def smoothed(losses: Sequence[float]) -> list[float]:
    """Returns the exponential average of losses up to each of them, without the pull of its start."""
    mean, found = 0.0, []
    for number, loss in enumerate(losses, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        found.append(mean / (1 - SMOOTHING**number))
    return found


def diverged(losses: Sequence[float]) -> bool:
    """True if the last smoothed loss is more than four times the least one, or no number."""
    smooth = smoothed(losses)
    return not math.isfinite(smooth[-1]) or smooth[-1] > TOO_MUCH * min(smooth)


def suggested(rates: Sequence[float], losses: Sequence[float], steps: int) -> float | None:
    """Returns the rate in the middle of the longest valley, as fastai's `valley` does.

    Args:
        rates: Ascending.
        losses: Smoothed; the first tenth of `steps` and the last five are not looked at.
        steps: How many rates were to be tried.

    Returns:
        The rate half way down, or None if the loss falls nowhere.
    """
    part = slice(steps // 10, -SKIPPED_END)
    seen = np.asarray(losses, np.float64)[part]
    seen = seen[: int(np.argmin(np.isfinite(seen)))] if not np.isfinite(seen).all() else seen
    end, length = longest_valley(seen)
    if length < 2:
        return None
    third = length / 3
    return float(np.asarray(rates)[part][max(end - length, 0) + int(third) + int(third / 2)])


def longest_valley(losses: np.ndarray) -> tuple[int, int]:
    """Returns where the longest falling subsequence ends, the first of several, and how many losses it has.

    Args:
        losses: (n,).
    """
    lengths = np.ones(len(losses), int)
    for at in range(1, len(losses)):
        higher = losses[:at] > losses[at]
        if higher.any():
            lengths[at] = lengths[:at][higher].max() + 1
    end = int(np.argmax(lengths)) if len(losses) else 0
    return end, int(lengths[end]) if len(losses) else 0

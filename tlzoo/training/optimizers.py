"""Optimizers whose rate and decay differ by stage.

`keras.optimizers.MultiOptimizer` needs path patterns and hides the rate from callbacks; here one optimizer scales
its update by the stage of each variable, so a rate per stage costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras

from tlzoo.plans import Phase


class PhaseSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Warm-up from 0 to 1, then `cosine` to 0, `constant`, or one cycle (fastai: 1/5 up, 1e-5 down).

    Args:
        kind: `cosine`, `constant` or `one_cycle`.
        steps: All steps of the phase.
        warmup: Share of the steps over which the rate rises.
    """

    def __init__(self, kind: str, steps: int, warmup: float) -> None:
        super().__init__()
        self.kind, self.steps, self.warmup = kind, steps, warmup

    def __call__(self, step: Any) -> Any:
        """Returns the share of the peak rate at `step`."""
        ops = keras.ops
        step = ops.cast(step, "float32")
        rising = float(max(1, round(self.warmup * self.steps))) if self.warmup else 0.0
        left = max(1.0, self.steps - rising)
        progress = ops.clip((step - rising) / left, 0.0, 1.0)
        low, end = (0.2, 1e-5) if self.kind == "one_cycle" else (0.0, 0.0)
        falling = end + (1 - end) * 0.5 * (1.0 + ops.cos(math.pi * progress))
        after = ops.ones_like(progress) if self.kind == "constant" else falling
        if not rising:
            return after
        if self.kind == "one_cycle":
            up = low + (1 - low) * 0.5 * (1.0 - ops.cos(math.pi * ops.clip(step / rising, 0.0, 1.0)))
        else:
            up = (step + 1.0) / rising
        return ops.where(step < rising, up, after)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {"kind": self.kind, "steps": self.steps, "warmup": self.warmup}


class _Staged:
    """Scales updates, and decays kernels, by the rate of the variable's stage."""

    rates_by_variable: Mapping[int, float]
    decay: float

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one variable at its own rate (the public hook of Keras optimizers)."""
        rate = keras.ops.cast(learning_rate, variable.dtype) * self.rates_by_variable[variable_key(variable)]
        if self.decay and len(variable.shape) > 1:
            variable.assign_sub(variable * rate * self.decay)
        super().update_step(gradient, variable, rate)  # type: ignore[misc]


def variable_key(variable: Any) -> int:
    """Returns what identifies a variable: Keras hands its TensorFlow variable to `update_step`."""
    return id(variable.value) if isinstance(variable, keras.Variable) else id(variable)


class StagedAdamW(_Staged, keras.optimizers.Adam):
    """Adam with decoupled decay (Loshchilov & Hutter, ICLR 2019) and one rate per stage."""


class StagedSGD(_Staged, keras.optimizers.SGD):
    """SGD with momentum 0.9 and one rate per stage."""


def make_optimizer(phase: Phase, stage_of: Mapping[int, str], steps: int) -> keras.optimizers.Optimizer:
    """Makes the optimizer of a phase.

    Args:
        phase: Says which optimizer, schedule and rates.
        stage_of: Stage (or `head`) by `variable_key` of each trainable variable.
        steps: All steps of the phase, over which the schedule runs.
    """
    schedule = PhaseSchedule(phase.schedule, steps, phase.warmup)
    clip = phase.clip_norm or None
    optimizer: Any
    if phase.optimizer == "sgd":
        optimizer = StagedSGD(schedule, momentum=0.9, global_clipnorm=clip)
    else:
        optimizer = StagedAdamW(schedule, global_clipnorm=clip)
    optimizer.rates_by_variable = {key: phase.rates[stage] for key, stage in stage_of.items()}
    optimizer.decay = phase.weight_decay
    return optimizer


def current_rates(phase: Phase, optimizer: keras.optimizers.Optimizer) -> dict[str, float]:
    """Returns the learning rate of each stage at this step."""
    share = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    return {stage: share * rate for stage, rate in phase.rates.items()}

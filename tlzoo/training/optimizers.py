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

SLANT = 32.0
"""Peak rate over the lowest one of a slanted triangle (Howard & Ruder, ULMFiT, ACL 2018, §3.2)."""


class PhaseSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Warm-up from 0 to 1, then what the kind says.

    `cosine` falls to 0 along half a cosine; `constant` stays; `one_cycle` rises from 1/5 and falls to 1e-5 (fastai);
    `slanted` rises from 1/32 and falls back to it, both along lines (ULMFiT); `milestones` keeps a tenth of what it
    had from each of them on (BiT).

    Args:
        kind: `cosine`, `constant`, `one_cycle`, `slanted` or `milestones`.
        steps: All steps of the phase.
        warmup: Share of the steps over which the rate rises.
        milestones: Shares of the steps.
    """

    def __init__(self, kind: str, steps: int, warmup: float, milestones: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.kind, self.steps, self.warmup, self.milestones = kind, steps, warmup, tuple(milestones)

    def __call__(self, step: Any) -> Any:
        """Returns the share of the peak rate at `step`."""
        ops = keras.ops
        step = ops.cast(step, "float32")
        rising = float(max(1, round(self.warmup * self.steps))) if self.warmup else 0.0
        left = max(1.0, self.steps - rising)
        progress = ops.clip((step - rising) / left, 0.0, 1.0)
        after = self._after(step, progress)
        return ops.where(step < rising, self._up(step, rising), after) if rising else after

    def _up(self, step: Any, rising: float) -> Any:
        """Returns the share of the peak while it rises."""
        ops = keras.ops
        if self.kind == "one_cycle":
            return 0.2 + 0.8 * 0.5 * (1.0 - ops.cos(math.pi * ops.clip(step / rising, 0.0, 1.0)))
        if self.kind == "slanted":
            return (1.0 + (SLANT - 1.0) * ops.clip(step / rising, 0.0, 1.0)) / SLANT
        return (step + 1.0) / rising

    def _after(self, step: Any, progress: Any) -> Any:
        """Returns the share of the peak after warm-up."""
        ops = keras.ops
        if self.kind == "constant":
            return ops.ones_like(progress)
        if self.kind == "slanted":
            return (1.0 + (SLANT - 1.0) * (1.0 - progress)) / SLANT
        if self.kind == "milestones":
            passed = [ops.cast(step >= round(share * self.steps), "float32") for share in self.milestones]
            return ops.power(0.1, sum(passed, start=ops.zeros_like(progress)))
        end = 1e-5 if self.kind == "one_cycle" else 0.0
        return end + (1 - end) * 0.5 * (1.0 + ops.cos(math.pi * progress))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {
            "kind": self.kind,
            "steps": self.steps,
            "warmup": self.warmup,
            "milestones": self.milestones,
        }


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


def make_optimizer(
    phase: Phase,
    stage_of: Mapping[int, str],
    steps: int,
    schedule: keras.optimizers.schedules.LearningRateSchedule | None = None,
) -> keras.optimizers.Optimizer:
    """Makes the optimizer of a phase.

    Args:
        phase: Says which optimizer, schedule and rates.
        stage_of: Stage (or `head`) by `variable_key` of each trainable variable.
        steps: All steps of the phase, over which the schedule runs.
        schedule: Share of the phase's rates at each step; by default that of the phase.
    """
    schedule = schedule or PhaseSchedule(phase.schedule, steps, phase.warmup, phase.milestones)
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

"""How a cell trains, and how that went by its log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.workflows.attempts import log_of

if TYPE_CHECKING:
    from tlzoo.training.context import Context
    from tlzoo.training.rundir import RunDir


def settle_statistics(context: Context) -> None:
    """Has moving statistics of BatchNorm arrive within the steps there are.

    Keras moves them by a hundredth a step. After 100 steps of a learner from scratch a third of them is still what they
    began with, and it would answer by chance what it has long learned.

    Args:
        context: Of a plan that begins with random weights.
    """
    import keras

    from tlzoo.training.feed import steps_per_epoch

    examples = len(context.splits.train)
    steps = sum(phase.epochs * steps_per_epoch(examples, phase.batch_size) for phase in context.plan.phases)
    for layer in context.backbone.batchnorms():
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue  # modules of TF Hub move theirs by their own program
        layer.momentum = min(layer.momentum, max(0.5, 1 - 10 / steps))


def last_phase(folder: RunDir, shown: str, unit: float) -> dict[str, Any]:
    """Returns how the last phase went: `epochs`, and seconds of an `epoch` and `rise` where there were two or more.

    Args:
        folder: The run folder.
        shown: Name of the metric that training shows.
        unit: What differences of it are divided by; negative where less is better.
    """
    name = folder.plan.phases[-1].name
    lines = [entry for entry in log_of(folder) if entry["phase"] == name]
    if len(lines) < 2:
        return {"epochs": len(lines)}
    halves = [lines[: len(lines) // 2], lines[len(lines) // 2 :]]
    one, two = (min(half, key=lambda entry: _number(entry["val_loss"])) for half in halves)
    rise = (_number(two.get(f"val_{shown}")) - _number(one.get(f"val_{shown}"))) / unit
    epoch = (float(lines[-1]["seconds"]) - float(lines[0]["seconds"])) / (len(lines) - 1)
    return {"epochs": len(lines), "epoch": epoch, "rise": rise if np.isfinite(rise) else 0.0}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else np.inf


def short(folder: RunDir) -> bool:
    """Returns whether the last phase has fewer epochs than planned."""
    last = folder.plan.phases[-1]
    return bool(sum(entry["phase"] == last.name for entry in log_of(folder)) < last.epochs)


def log_seconds(folder: RunDir) -> dict[str, float]:
    """Returns the seconds of each phase that a killed sitting had written down."""
    return {entry["phase"]: float(entry["seconds"]) for entry in log_of(folder)}

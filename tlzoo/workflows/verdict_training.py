"""How a cell trains, and how that went by its log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.workflows.attempts import log_of

if TYPE_CHECKING:
    from tlzoo.training.rundir import RunDir


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

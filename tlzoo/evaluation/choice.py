"""How a run was chosen among several, for its report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_TITLES = {
    "auto": "How this run came to be",
    "tune": "How its options were chosen",
}
_SHOWN = {"accuracy": "Accuracy", "label_accuracy": "Accuracy of labels", "mae": "Mean absolute error"}


def choice_view(choice: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns what the section shows: a title, sentences, steps with their time, and a table; None for other runs.

    Args:
        choice: What `choice.json` says; empty if nobody chose.
    """
    if not choice:
        return None
    shown = str(choice.get("shown", "accuracy"))
    return {
        "title": _TITLES.get(str(choice.get("procedure")), "How it was chosen"),
        "verdict": choice.get("verdict", ""),
        "steps": [
            {"at": step["at"], "what": step["what"], "why": step.get("why", "")}
            for step in choice.get("steps", ())
        ],
        "shown": _SHOWN.get(shown, shown),
        "share": shown != "mae",
        "rows": [
            {
                "name": row["name"],
                "told": row.get("told", ""),
                "loss": _finite(row.get("val_loss")),
                "shown": row.get("shown"),
                "seconds": row.get("seconds"),
                "note": "cut short: the time was up" if row.get("cut") else "",
                "chosen": bool(row.get("chosen")),
            }
            for row in choice.get("attempts", ())
        ],
    }


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

"""What readers must know of runs that looked at the test split's examples while they trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNSEEN = "its test scores hold for these very examples, and say nothing of examples that come later"


def transductive_remarks(pseudo: Mapping[str, Any] | None) -> list[str]:
    """Returns what is to be said of such a run; nothing of others.

    Args:
        pseudo: What `pseudo.json` says: facts by phase; None or empty if no phase labelled examples by itself.

    Example:
        >>> transductive_remarks({"self1": {"examples": 40, "labelled": 31}})[0][:53]
        'This run looked at the 40 examples of the test split '
    """
    if not pseudo:
        return []
    last = list(pseudo.values())[-1]
    return [
        f"This run looked at the {last['examples']:,} examples of the test split while it trained (not at their "
        f"labels; in the end {last['labelled']:,} of them trained with labels of the model's own): {UNSEEN}."
    ]

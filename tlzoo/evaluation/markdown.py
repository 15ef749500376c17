"""Tables in Markdown, for viewers that show text alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

#: Characters of a text in the table of mistakes.
MISTAKE_TEXT = 500
#: Stretches of a text that are named as those which pushed most.
PUSHED = 3


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown.

    Example:
        >>> print(table(["", "head"], [["epochs", "20"]]))
        |  | head |
        | --- | --- |
        | epochs | 20 |
    """

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "; ") for cell in cells) + " |"

    return "\n".join([line(header), line(["---"] * len(header)), *(line(row) for row in rows)])


def mistakes_table(mistakes: Sequence[Mapping[str, Any]]) -> str:
    """Returns texts that were decided wrongly as a table in Markdown; whatever they hold is shown as it is.

    Args:
        mistakes: Entries of `mistakes.json` that have a `text`.
    """
    header = ["decision", "is", "pushed most", "text", "item"]
    return table(header, [[_literal(cell) for cell in _mistake_cells(each)] for each in mistakes])


def _mistake_cells(entry: Mapping[str, Any]) -> list[str]:
    pushes = sorted(entry.get("pushes", ()), key=lambda push: -push["weight"])
    pushed = ", ".join(push["text"].strip() for push in pushes[:PUSHED] if push["weight"] > 0)
    text = entry["text"][:MISTAKE_TEXT] + ("…" if len(entry["text"]) > MISTAKE_TEXT else "")
    decision, label = str(entry["predicted"]), str(entry["label"])
    if "probability" in entry:  # numbers and sets of labels have none
        decision += f" {entry['probability']:.0%}"
        label += f" {entry['probability_of_label']:.1%}"
    return [decision, label, pushed, text, entry["item"]]


def _literal(text: str) -> str:
    """Returns text that neither Markdown nor HTML takes for its own: in one line, signs as their numbers."""
    return re.sub(r"[^\w\s]", lambda sign: f"&#{ord(sign[0])};", " ".join(text.split())).replace("_", "&#95;")

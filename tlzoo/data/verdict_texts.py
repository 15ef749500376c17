"""A check's findings about texts in words, worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlzoo.data.verdict import balance, duplicates, grave, ignored, many, summed

if TYPE_CHECKING:
    from tlzoo.data.check_texts import TextCheck

_ENTITIES = 0.01
"""Share of texts with HTML entities above which they are mentioned."""


def verdict(found: TextCheck) -> list[str]:
    """Returns one line per finding: what it is, how often, an example, and what to do.

    Args:
        found: A check whose own `verdict` is still empty.
    """
    lines = grave(found, "text", "used", "Fill or remove") + _worth_knowing(found)
    return summed(lines, f"{found.documents:,} texts of {len(found.classes)} classes")


def _worth_knowing(found: TextCheck) -> list[str]:
    lines = duplicates(found)
    if found.near_duplicates:
        a, b = found.near_duplicates[0][:2]
        lines.append(
            f"{many(found.near_duplicates, 'group')} of texts that differ in capitals, punctuation or spaces only, "
            f"such as '{a}' and '{b}'. Remove copies, or give them one group so that splits keep them together."
        )
    lines += balance(found.classes, found.tiny_classes, found.imbalance, found.documents)
    if found.html_entities > _ENTITIES:
        lines.append(
            f"{found.html_entities:.1%} of the texts hold HTML entities such as &amp;. Load with unescape_html=True "
            "(--unescape-html) so that they read as written."
        )
    lines += [f"A guess: {note}." for note in found.notes if "letters look wrong" in note]
    return lines + ignored(found)

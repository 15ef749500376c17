"""A check's findings about texts in words, worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlzoo.data.verdict import balance, many

if TYPE_CHECKING:
    from tlzoo.data.check_texts import TextCheck

_ENTITIES = 0.01
"""Share of texts with HTML entities above which they are mentioned."""


def verdict(found: TextCheck) -> list[str]:
    """Returns one line per finding: what it is, how often, an example, and what to do.

    Args:
        found: A check whose own `verdict` is still empty.
    """
    lines = [*_grave(found), *_worth_knowing(found)]
    total = f"{found.documents:,} texts of {len(found.classes)} classes"
    return [f"{total}; nothing is wrong with them."] if not lines else [*lines, f"{total} in all."]


def _grave(found: TextCheck) -> list[str]:
    lines = []
    if found.refusal:
        lines.append(f"Cannot be learned from: {found.refusal}")
    if found.broken:
        key, why = found.broken[0]
        lines.append(f"{many(found.broken, 'text')} cannot be used, such as '{key}': {why}. Fill or remove.")
    if found.leaks:
        a, here, b, there = found.leaks[0]
        lines.append(
            f"{many(found.leaks, 'pair')} of the same text in different splits, such as '{a}' ({here}) and '{b}' "
            f"({there}): the test score would flatter. Remove one of each."
        )
    if found.conflicts:
        a, one, b, other = found.conflicts[0]
        lines.append(
            f"{many(found.conflicts, 'pair')} of the same text with different labels, such as '{a}' ({one}) and "
            f"'{b}' ({other}). Decide which is right."
        )
    return lines


def _worth_knowing(found: TextCheck) -> list[str]:
    lines = []
    if found.duplicates:
        extra = sum(len(group) - 1 for group in found.duplicates)
        lines.append(f"{extra} exact duplicate{'s' * (extra > 1)}; splits made here keep them together.")
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
    if found.ignored:
        lines.append(f"{many(found.ignored, 'file')} ignored, such as {found.ignored[0]}.")
    return lines

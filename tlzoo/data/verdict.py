"""A check's findings in words, worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlzoo.data.check import Check


def verdict(found: Check) -> list[str]:
    """Returns one line per finding: what it is, how often, an example, and what to do.

    Args:
        found: A check whose own `verdict` is still empty.
    """
    lines = [*_grave(found), *_worth_knowing(found)]
    total = f"{found.images:,} images of {len(found.classes)} classes"
    return [f"{total}; nothing is wrong with them."] if not lines else [*lines, f"{total} in all."]


def _grave(found: Check) -> list[str]:
    lines = []
    if found.refusal:
        lines.append(f"Cannot be learned from: {found.refusal}")
    if found.broken:
        key, why = found.broken[0]
        lines.append(
            f"{_many(found.broken, 'image')} cannot be decoded, such as '{key}': {why}. Replace or remove."
        )
    if found.leaks:
        a, here, b, there = found.leaks[0]
        lines.append(
            f"{_many(found.leaks, 'pair')} of the same image in different splits, such as '{a}' ({here}) and "
            f"'{b}' ({there}): the test score would flatter. Remove one of each."
        )
    if found.conflicts:
        a, one, b, other = found.conflicts[0]
        lines.append(
            f"{_many(found.conflicts, 'pair')} of the same image with different labels, such as '{a}' ({one}) "
            f"and '{b}' ({other}). Decide which is right."
        )
    return lines


def _worth_knowing(found: Check) -> list[str]:
    lines = []
    if found.duplicates:
        extra = sum(len(group) - 1 for group in found.duplicates)
        lines.append(f"{extra} exact duplicate{'s' * (extra > 1)}; splits made here keep them together.")
    if found.near_duplicates:
        a, b = found.near_duplicates[0]
        lines.append(
            f"{_many(found.near_duplicates, 'pair')} of images that look the same, such as '{a}' and '{b}'. If they "
            "show the same thing, give them one group so that splits keep them together."
        )
    if found.tiny_classes:
        names = ", ".join(f"'{name}' ({count})" for name, count in list(found.tiny_classes.items())[:5])
        lines.append(f"Few examples of {names}: their scores will be uncertain.")
    if found.imbalance >= 3:
        largest = max(found.classes, key=lambda name: found.classes[name])
        share = found.classes[largest] / max(found.images, 1)
        lines.append(
            f"The largest class is {found.imbalance:g} times the smallest; always answering '{largest}' is right "
            f"{share:.1%} of the time. Judge by balanced accuracy, and consider class weights."
        )
    if found.small:
        lines.append(f"{_many(found.small, 'image')} under 32 pixels on a side, such as '{found.small[0]}'.")
    if found.long:
        lines.append(
            f"{_many(found.long, 'image')} more than 4 times longer than wide, such as '{found.long[0]}'. "
            "Consider resize 'pad' or 'crop'."
        )
    if found.ignored:
        lines.append(f"{_many(found.ignored, 'file')} ignored, such as {found.ignored[0]}.")
    return lines


def _many(values: list, noun: str) -> str:
    return f"{len(values):,} {noun}{'s' * (len(values) != 1)}"

"""A check's findings in words, worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sized
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
            f"{many(found.broken, 'image')} cannot be decoded, such as '{key}': {why}. Replace or remove."
        )
    if found.leaks:
        a, here, b, there = found.leaks[0]
        lines.append(
            f"{many(found.leaks, 'pair')} of the same image in different splits, such as '{a}' ({here}) and "
            f"'{b}' ({there}): the test score would flatter. Remove one of each."
        )
    if found.conflicts:
        a, one, b, other = found.conflicts[0]
        lines.append(
            f"{many(found.conflicts, 'pair')} of the same image with different labels, such as '{a}' ({one}) "
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
            f"{many(found.near_duplicates, 'pair')} of images that look the same, such as '{a}' and '{b}'. If they "
            "show the same thing, give them one group so that splits keep them together."
        )
    lines += balance(found.classes, found.tiny_classes, found.imbalance, found.images)
    if found.small:
        lines.append(f"{many(found.small, 'image')} under 32 pixels on a side, such as '{found.small[0]}'.")
    if found.long:
        lines.append(
            f"{many(found.long, 'image')} more than 4 times longer than wide, such as '{found.long[0]}'. "
            "Consider resize 'pad' or 'crop'."
        )
    if found.ignored:
        lines.append(f"{many(found.ignored, 'file')} ignored, such as {found.ignored[0]}.")
    return lines


def balance(classes: Mapping[str, int], tiny: Mapping[str, int], imbalance: float, total: int) -> list[str]:
    """Returns lines about small classes, and about classes of very different size.

    Args:
        classes: Number of items by class.
        tiny: The same, of tiny classes only.
        imbalance: Items of the largest class per item of the smallest.
        total: Number of items.
    """
    lines = []
    if tiny:
        names = ", ".join(f"'{name}' ({count})" for name, count in list(tiny.items())[:5])
        lines.append(f"Few examples of {names}: their scores will be uncertain.")
    if imbalance >= 3:
        largest = max(classes, key=lambda name: classes[name])
        share = classes[largest] / max(total, 1)
        lines.append(
            f"The largest class is {imbalance:g} times the smallest; always answering '{largest}' is right "
            f"{share:.1%} of the time. Judge by balanced accuracy, and consider class weights."
        )
    return lines


def many(values: Sized, noun: str) -> str:
    """Returns a number and its noun: `1 pair`, `2,000 pairs`."""
    return f"{len(values):,} {noun}{'s' * (len(values) != 1)}"

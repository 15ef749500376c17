"""A check's findings in words, worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlzoo.data.check import Check
    from tlzoo.data.check_texts import TextCheck


def verdict(found: Check) -> list[str]:
    """Returns one line per finding: what it is, how often, an example, and what to do.

    Args:
        found: A check whose own `verdict` is still empty.
    """
    lines = grave(found, "image", "decoded", "Replace or remove") + _worth_knowing(found)
    return summed(lines, f"{found.images:,} images of {len(found.classes)} classes")


def summed(lines: list[str], total: str) -> list[str]:
    """Returns lines about findings with one more about all items, which says so where there are no findings."""
    return [*lines, f"{total} in all."] if lines else [f"{total}; nothing is wrong with them."]


def grave(found: Check | TextCheck, noun: str, use: str, mend: str) -> list[str]:
    """Returns lines about what would spoil training or its evidence.

    Args:
        found: The check.
        noun: What one item is.
        use: What cannot be done with broken ones.
        mend: What to do about those.
    """
    lines = []
    if found.refusal:
        lines.append(f"Cannot be learned from: {found.refusal}")
    if found.broken:
        key, why = found.broken[0]
        lines.append(f"{many(found.broken, noun)} cannot be {use}, such as '{key}': {why}. {mend}.")
    if found.leaks:
        a, here, b, there = found.leaks[0]
        lines.append(
            f"{many(found.leaks, 'pair')} of the same {noun} in different splits, such as '{a}' ({here}) and "
            f"'{b}' ({there}): the test score would flatter. Remove one of each."
        )
    if found.conflicts:
        a, one, b, other = found.conflicts[0]
        lines.append(
            f"{many(found.conflicts, 'pair')} of the same {noun} with different labels, such as '{a}' ({one}) "
            f"and '{b}' ({other}). Decide which is right."
        )
    return lines


def duplicates(found: Check | TextCheck) -> list[str]:
    """Returns a line about exact duplicates, if there are any."""
    extra = sum(len(group) - 1 for group in found.duplicates)
    if not extra:
        return []
    return [f"{extra} exact duplicate{'s' * (extra > 1)}; splits made here keep them together."]


def ignored(found: Check | TextCheck) -> list[str]:
    """Returns a line about files that were passed over, if there are any."""
    if not found.ignored:
        return []
    return [f"{many(found.ignored, 'file')} ignored, such as {found.ignored[0]}."]


def _worth_knowing(found: Check) -> list[str]:
    lines = duplicates(found)
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
    return lines + ignored(found)


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

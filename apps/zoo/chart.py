"""Accuracy over cost as a picture whose points can be picked: SVG in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 52, 22, 16, 46
Axis = Literal["parameters", "time on this machine"]


@dataclass(frozen=True)
class Point:
    """One backbone.

    Attributes:
        name: Of its card.
        cost: Above 0: parameters, or milliseconds.
        accuracy: In 0..1.
        at_hand: Whether its weights are on this machine.
    """

    name: str
    cost: float
    accuracy: float
    at_hand: bool


def points(entries: Sequence[Any], axis: Axis) -> list[Point]:
    """Returns the points of those whose accuracy was published and whose cost is known."""
    found = []
    for entry in entries:
        accuracy = entry.card.pretraining.accuracy
        cost = entry.card.params if axis == "parameters" else entry.cost and entry.cost.milliseconds
        if accuracy and cost:
            found.append(Point(entry.card.name, float(cost), float(accuracy.top1), entry.at_hand))
    return found


def front(found: Sequence[Point]) -> list[Point]:
    """Returns the points that no other beats at the same cost or less, cheapest first."""
    best: list[Point] = []
    for point in sorted(found, key=lambda each: (each.cost, -each.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def chart(entries: Sequence[Any], axis: Axis, chosen: str = "") -> str:
    """Returns the picture, with a sentence on what is missing from it.

    Args:
        entries: Of backbones.
        axis: What cost is.
        chosen: Name of the one that is marked.
    """
    found = points(entries, axis)
    if not found:
        why = "has a published accuracy" if axis == "parameters" else "was timed on this machine yet"
        return f'<p class="tl-none">None of these backbones {why}.</p>'
    across, up = _across(found), _up(found)
    best = front(found)
    line = "L".join(f"{across(p.cost):.1f} {up(p.accuracy):.1f}" for p in best)
    parts = [*_axes(found, axis), f'<path class="tl-front" d="M{line}"/>']
    parts += [_dot(p, across(p.cost), up(p.accuracy), axis, p.name == chosen) for p in found]
    parts += _names(best, across, up)
    said = f"Top-1 accuracy over {axis}, {len(found)} backbones"
    return (
        f'<div class="tl-scroll"><svg class="tl-scatter" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="{said}">'
        f"{''.join(parts)}</svg></div>"
        f'<p class="tl-caption"><span class="tl-dot tl-here"></span> on this machine <span class="tl-dot"></span> '
        f'to be fetched <span class="tl-rule"></span> the most accurate for its cost. '
        f"{_missing(entries, found, axis)}</p>"
    )


def _missing(entries: Sequence[Any], found: Sequence[Point], axis: Axis) -> str:
    count = len(entries) - len(found)
    if not count:
        return ""
    why = (
        "have no published ImageNet accuracy"
        if axis == "parameters"
        else "lack a published accuracy or a time here"
    )
    return f"{count} of {len(entries)} {why} and are in the list only."


def _across(found: Sequence[Point]) -> Any:
    low, high = (math.log10(f(p.cost for p in found)) for f in (min, max))
    low, high = (low - 0.05, high + 0.05) if high > low else (low - 0.5, high + 0.5)
    return lambda cost: LEFT + (math.log10(cost) - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _up(found: Sequence[Point]) -> Any:
    low, high = _ends(found)
    return lambda share: HEIGHT - BOTTOM - (share - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _ends(found: Sequence[Point]) -> tuple[float, float]:
    """Returns the lowest and highest accuracy of the axis, whole twentieths."""
    low = math.floor(20 * min(p.accuracy for p in found)) / 20
    return low, max(math.ceil(20 * max(p.accuracy for p in found)) / 20, low + 0.05)


def _axes(found: Sequence[Point], axis: Axis) -> list[str]:
    across, up = _across(found), _up(found)
    low, high = _ends(found)
    parts = []
    for twentieth in range(round(20 * low), round(20 * high) + 1):
        y = up(twentieth / 20)
        parts.append(f'<path class="tl-grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{5 * twentieth} %</text>')
    least, most = min(p.cost for p in found), max(p.cost for p in found)
    for tick in _ticks(least, most):
        x = across(tick)
        if LEFT <= x <= WIDTH - RIGHT:
            parts.append(f'<path class="tl-grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
            parts.append(
                f'<text x="{x:.1f}" y="{HEIGHT - 26}" text-anchor="middle">{told(tick, axis)}</text>'
            )
    title = "parameters" if axis == "parameters" else "time for one picture on this machine"
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{title}</text>')
    return parts


def _ticks(least: float, most: float) -> list[float]:
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    nice = (1, 3) if most / least > 30 else (1, 2, 5)
    return [step * 10.0**power for power in powers for step in nice]


def told(cost: float, axis: Axis) -> str:
    """Returns a cost in words: `5.3 M`, `12 ms`."""
    return f"{cost / 1e6:.3g} M" if axis == "parameters" else f"{cost:.3g} ms"


def _dot(point: Point, x: float, y: float, axis: Axis, chosen: bool) -> str:
    here = "on this machine" if point.at_hand else "to be fetched"
    said = f"{point.name}: {100 * point.accuracy:.1f} %, {told(point.cost, axis)}, {here}"
    style = "tl-point" + (" tl-here" if point.at_hand else "") + (" tl-chosen" if chosen else "")
    return (
        f'<g class="{style}" tabindex="0" role="button" aria-label="{escape(said)}" data-pick="{escape(point.name)}">'
        f'<title>{escape(said)}</title><circle class="tl-reach" cx="{x:.1f}" cy="{y:.1f}" r="11"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5"/></g>'
    )


def _names(best: Sequence[Point], across: Any, up: Any) -> list[str]:
    """Names the points of the front, as far as names do not run into each other."""
    parts: list[str] = []
    taken: list[tuple[float, float, float]] = []
    for point in reversed(best):
        wide, x, y = 6.6 * len(point.name), across(point.cost) - 8, up(point.accuracy) - 9
        left = x - wide
        if left < LEFT:
            left = x = across(point.cost) + 9
            left, x = x, x + wide
        clear = all(x < start or left > end or abs(y - h) > 14 for start, end, h in taken)
        if clear and x < WIDTH:
            taken.append((left, x, y))
            parts.append(
                f'<text class="tl-name" x="{x:.1f}" y="{y:.1f}" text-anchor="end">{escape(point.name)}</text>'
            )
    return parts

"""Small charts as inline SVG: colours come from the page's CSS, so that they follow its light and dark."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.calibration import Reliability

Numbers = npt.NDArray[np.floating[Any]]

#: Most dots that are drawn; more would only grow the page.
MOST_DOTS = 2000

WIDTH, HEIGHT = 460, 236
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 24, 26


@dataclasses.dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        name: For people who point at it or hear it read out.
        values: One an epoch; None or nan where there is none.
        style: CSS class of the line.
        colour: CSS colour, if the class does not say.
    """

    name: str
    values: Sequence[float | None]
    style: str = "series"
    colour: str = ""


@dataclasses.dataclass(frozen=True)
class Band:
    """A stretch of epochs (a phase) with a name; `start` and `stop` as in a slice."""

    name: str
    start: int
    stop: int


@dataclasses.dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    log: bool

    def __call__(self, value: float) -> float:
        ends = (self.low, self.high, value)
        low, high, at = (math.log10(end) for end in ends) if self.log else ends
        return HEIGHT - BOTTOM - (at - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def line_chart(
    title: str, series: Sequence[Series], bands: Sequence[Band], *, log: bool = False, percent: bool = False
) -> str:
    """Returns lines over epochs, with phases as bands behind them; empty if no series has a value.

    Args:
        title: What the chart shows, for readers that cannot see it.
        series: Lines of equal length, drawn in order.
        bands: Phases, in order, covering all epochs.
        log: Logarithmic values; what is less than a thousandth of the largest is drawn there.
        percent: Label values in percent.
    """
    values = [v for one in series for v in one.values if v is not None and math.isfinite(v)]
    if not values:
        return ""
    scale, ticks = _log_axis(values) if log else linear_axis(values)
    epochs = max(len(one.values) for one in series)
    parts = [_band(band, epochs, number) for number, band in enumerate(bands)]
    parts += [grid(scale(tick), label(tick, percent, log, ticks)) for tick in ticks]
    parts += [_epoch_tick(epoch, epochs) for epoch in _whole_ticks(epochs)]
    parts += [_line(one, epochs, scale) for one in series]
    return _svg(title, WIDTH, HEIGHT, parts)


def reliability_chart(title: str, found: Reliability) -> str:
    """Returns accuracy over confidence as bars, the diagonal of perfect calibration, and how full each bin is."""
    side, left, top, strip = 230, 40, 12, 34
    bins, most = len(found.counts), max(int(found.counts.max()), 1)
    step = side / bins
    parts = []
    for number, count in enumerate(found.counts):
        x = left + number * step
        share = float(count) / most * strip
        parts.append(_rect("fill", x + 1, top + side + 14 + strip - share, step - 2, share))
        if count:
            sure, right = (float(found.confidence[number]), float(found.accuracy[number]))
            low, high = sorted((sure, right))
            parts.append(_rect("bar", x + 1, top + side * (1 - right), step - 2, side * right))
            style = "gap over" if sure > right else "gap under"
            parts.append(_rect(style, x + 1, top + side * (1 - high), step - 2, side * (high - low)))
    parts.append(f'<path class="diagonal" d="M{left} {top + side}L{left + side} {top}"/>')
    for tick in (0, 0.25, 0.5, 0.75, 1):
        y = top + side * (1 - tick)
        parts.append(f'<text class="tick" x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{tick:.0%}</text>')
    for tick in (0, 0.5, 1):
        x, base = left + side * tick, top + side + strip + 30
        parts.append(f'<text class="tick" x="{x}" y="{base}" text-anchor="middle">{tick:.0%}</text>')
    parts.append(f'<path class="axis" d="M{left} {top}V{top + side}H{left + side}"/>')
    return _svg(title, left + side + 16, top + side + strip + 36, parts)


def scatter_chart(title: str, true: Numbers, predicted: Numbers, radius: float = 0.0) -> str:
    """Returns predicted over true numbers as dots, the diagonal where both agree, and a band around it.

    Args:
        title: What the chart shows, for readers that cannot see it.
        true: Finite (n,); n is at least 1.
        predicted: Finite (n,).
        radius: Half the height of the band.
    """
    _, ticks = linear_axis([*true.tolist(), *predicted.tolist()])
    low, high, side, left, top = ticks[0], ticks[-1], 360, 56, 12

    def place(value: float) -> float:
        return (value - low) / (high - low) * side

    reach = min(place(low + radius), float(side))
    corners = f"M0 {side}V{side - reach:.1f}L{side - reach:.1f} 0H{side}V{reach:.1f}L{reach:.1f} {side}Z"
    parts = [
        f'<path class="inside" transform="translate({left} {top})" d="{corners}"/>',
        f'<path class="diagonal" d="M{left} {top + side}L{left + side} {top}"/>',
    ]
    for tick in ticks:
        y, x = top + side - place(tick), left + place(tick)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{left + side}"/>')
        parts.append(f'<text class="tick" x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{top + side + 18}" text-anchor="middle">{tick:g}</text>'
        )
    chosen = np.random.default_rng(0).permutation(len(true))[:MOST_DOTS]
    parts += [
        f'<circle class="dot" cx="{left + place(x):.1f}" cy="{top + side - place(y):.1f}" r="3"/>'
        for x, y in zip(true[chosen].tolist(), predicted[chosen].tolist(), strict=True)
    ]
    parts.append(f'<path class="axis" d="M{left} {top}V{top + side}H{left + side}"/>')
    return _svg(title, left + side + 16, top + side + 28, parts)


def page(title: str, parts: Sequence[str]) -> str:
    """Returns a chart of the usual size."""
    return _svg(title, WIDTH, HEIGHT, parts)


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    name = escape(title)
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{name}"><title>{name}</title>'
        + "".join(parts)
        + "</svg>"
    )


def _rect(style: str, x: float, y: float, width: float, height: float) -> str:
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" {size}/>' if height > 0.05 else ""


def _x(epoch: float, epochs: int) -> float:
    """Returns where epoch 0..epochs-1 stands: in the middle of its slot."""
    return LEFT + (epoch + 0.5) / epochs * (WIDTH - LEFT - RIGHT)


def _band(band: Band, epochs: int, number: int) -> str:
    start, stop = _x(band.start - 0.5, epochs), _x(band.stop - 0.5, epochs)
    shade = _rect("band" if number % 2 else "band plain", start, TOP, stop - start, HEIGHT - TOP - BOTTOM)
    room = int((stop - start) / 7)
    name = band.name if len(band.name) <= room else band.name[: max(room - 1, 0)] + "…"
    text = f'<text class="phase" x="{(start + stop) / 2:.1f}" y="{TOP - 8}" text-anchor="middle">{escape(name)}</text>'
    return shade + (text if room > 2 else "")


def grid(y: float, text: str) -> str:
    """Returns a line across the chart at a height, and what stands beside it."""
    return (
        f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _epoch_tick(epoch: int, epochs: int) -> str:
    x = _x(epoch - 1, epochs)
    return f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{epoch}</text>'


def _line(one: Series, epochs: int, scale: _Scale) -> str:
    floor = scale.low if scale.log else -math.inf
    points = [
        (_x(i, epochs), scale(max(v, floor)))
        for i, v in enumerate(one.values)
        if v is not None and math.isfinite(v)
    ]
    if not points:
        return ""
    colour = f' style="--c:{escape(one.colour)}"' if one.colour else ""
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    x, y = points[-1]
    return (
        f'<g class="{one.style}"{colour}><title>{escape(one.name)}</title>'
        f'<path d="{path}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="3"/></g>'
    )


def linear_axis(values: Sequence[float]) -> tuple[_Scale, list[float]]:
    """Returns where values stand, and three to six round ones that hold all of them."""
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) or 1.0
    rough = spread / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = [step * number for number in range(first, max(last, first + 1) + 1)]
    return _Scale(ticks[0], ticks[-1], log=False), ticks


def _log_axis(values: Sequence[float]) -> tuple[_Scale, list[float]]:
    top = max(max(values), 1e-12)
    low = max(min((v for v in values if v > 0), default=top), top / 1000)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(top))
    ticks = [10.0**power for power in range(first, max(last, first + 1) + 1)]
    return _Scale(ticks[0], ticks[-1], log=True), ticks


def label(tick: float, percent: bool, log: bool, ticks: Sequence[float]) -> str:
    """Returns a tick in words, with as many digits as tell it from the others."""
    if log:
        return f"{tick:.0e}".replace("e-0", "e−").replace("e+0", "e") if tick < 0.01 else f"{tick:g}"
    step = ticks[1] - ticks[0]
    if percent:
        return f"{tick:.{0 if step >= 0.0099 else 1}%}"
    return f"{tick:.{max(0, min(4, -math.floor(math.log10(step) + 1e-9) + (step % 1 == 0.25)))}f}"


def _whole_ticks(epochs: int) -> list[int]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if epochs / s <= 12)
    return [1, *(int(t) for t in np.arange(step, epochs + 1, step) if t - 1 >= 0.75 * step)]

"""Small pictures of numbers, as SVG: nothing is fetched, and they are sharp on every screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Protocol

WIDTH, HEIGHT, LEFT, BOTTOM = 520, 220, 44, 28
COLOURS = ("#0f766e", "#b45309", "#4338ca", "#be185d", "#4d7c0f", "#0369a1")


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]], title: str, across: str, *, from_zero: bool = True
) -> str:
    """Returns curves with a legend.

    Args:
        series: Points (x, y) by name; names without points are left out.
        title: What is drawn, for people who cannot see it too.
        across: What the horizontal axis counts.
        from_zero: Whether the vertical axis begins at 0 at least; otherwise it fits the points.
    """
    drawn = {name: list(points) for name, points in series.items() if len(points) > 0}
    if not drawn:
        return ""
    xs = [x for points in drawn.values() for x, _ in points]
    ys = [y for points in drawn.values() for _, y in points]
    place = _Axes(min(xs), max(xs), min([0.0, *ys] if from_zero else ys), max(ys) or 1.0)
    marks = "".join(
        _curve(place, points, COLOURS[at % len(COLOURS)]) for at, points in enumerate(drawn.values())
    )
    legend = "".join(
        f'<span class="tl-key"><i style="background:{COLOURS[at % len(COLOURS)]}"></i>{escape(name)} '
        f"{points[-1][1]:.3g}</span>"
        for at, (name, points) in enumerate(drawn.items())
    )
    return (
        f'<figure class="tl-chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{place.grid(across)}{marks}</svg>'
        f"<div>{legend}</div></figure>"
    )


class Span(Protocol):
    """An estimate and the ends it lies between."""

    @property
    def estimate(self) -> float:
        """The likeliest."""

    @property
    def low(self) -> float:
        """Lower end."""

    @property
    def high(self) -> float:
        """Upper end."""


def spans(rows: Sequence[tuple[str, Span, str]], *, zero: bool = False) -> str:
    """Returns estimates as dots on their intervals, all on one scale.

    Args:
        rows: What each is called, the interval, and the estimate in words; one or more.
        zero: Whether the scale holds 0, and marks it.
    """
    nothing = [0.0] if zero else []
    low = min([*nothing, *(span.low for _, span, _ in rows)])
    high = max([*nothing, *(span.high for _, span, _ in rows)])
    spread = (high - low) or abs(high) or 1.0
    low, spread = low - 0.05 * spread, 1.1 * spread
    mark = f'<em style="left:{-100 * low / spread:.1f}%"></em>' if zero else ""
    bars = []
    for name, span, words in rows:
        start, middle, end = (100 * (at - low) / spread for at in (span.low, span.estimate, span.high))
        bars.append(
            f'<div class="tl-span"><span>{escape(name)}</span><span class="tl-rail" aria-hidden="true">{mark}'
            f'<i style="left:{start:.1f}%;width:{end - start:.1f}%"></i><b style="left:{middle:.1f}%"></b></span>'
            f"<span>{escape(words)}</span></div>"
        )
    return f'<div class="tl-spans">{"".join(bars)}</div>'


class _Axes:
    """Where numbers stand in the picture."""

    def __init__(self, left: float, right: float, low: float, high: float) -> None:
        self._left, self._right, self._low, self._high = left, right, low, high

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - 12) * (value - self._left) / ((self._right - self._left) or 1.0)

    def y(self, value: float) -> float:
        return 10 + (HEIGHT - BOTTOM - 10) * (1 - (value - self._low) / ((self._high - self._low) or 1.0))

    def grid(self, across: str) -> str:
        found = []
        for share in (0.0, 0.5, 1.0):
            value = self._low + share * (self._high - self._low)
            at = self.y(value)
            found.append(f'<line class="tl-grid" x1="{LEFT}" x2="{WIDTH - 12}" y1="{at:.1f}" y2="{at:.1f}"/>')
            found.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        found.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">{self._left:.3g}</text>')
        found.append(
            f'<text x="{WIDTH - 12}" y="{HEIGHT - 8}" text-anchor="end">{escape(across)} {self._right:.3g}</text>'
        )
        return "".join(found)


def _curve(place: _Axes, points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{place.x(x):.1f},{place.y(y):.1f}" for x, y in points)
    if len(points) == 1:
        ((x, y),) = points
        return f'<circle cx="{place.x(x):.1f}" cy="{place.y(y):.1f}" r="3" fill="{colour}"/>'
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"/>'


def confusion(counts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Returns a confusion matrix as a table: rows are what items are, columns what was said of them.

    Args:
        counts: (c, c).
        names: Of the classes.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = ""
    for at, (name, row) in enumerate(zip(names, counts, strict=True)):
        cells = "".join(_cell(count, sum(row), at == on) for on, count in enumerate(row))
        rows += f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    return (
        '<div class="tl-scroll" tabindex="0" role="region" aria-label="Confusion matrix">'
        '<table class="tl-table tl-matrix"><caption>Rows: what it is. Columns: what the model said.</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(count: int, total: int, right: bool) -> str:
    share = count / total if total else 0.0
    colour = "13,148,136" if right else "217,119,6"
    return f'<td style="background:rgba({colour},{0.75 * share:.2f})">{count}</td>'

"""What a report shows of a verdict, from `verdict/verdict.json` of the run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tlzoo.errors import RunError
from tlzoo.evaluation import svg
from tlzoo.evaluation.record import RunRecord
from tlzoo.metrics.resampled import is_share

_NAMES = {"run": "This run's plan", "scratch": "From scratch", "probe": "Probe", "majority": "Majority"}
_STYLES = {"run": "series", "scratch": "series train"}


def verdict_view(record: RunRecord) -> dict[str, Any] | None:
    """Returns words, rows, the learning curve and advice; None for a run nobody asked for a verdict.

    Args:
        record: The run.

    Raises:
        RunError: The file is damaged.
    """
    path = record.path / "verdict" / "verdict.json"
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text("utf-8"))
        return _view(told)
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"'{path}' cannot be read: {error!r}.",
            allowed="what `tlzoo verdict` wrote.",
            do="Remove its folder, and ask for the verdict again.",
        ) from error


def _view(told: Mapping[str, Any]) -> dict[str, Any]:
    share = is_share(told["metric"])
    return {
        "sentence": told["sentence"],
        "cautions": told["cautions"],
        "catch_up": told["catch_up_words"],
        "metric": told["metric"].replace("_", " ").capitalize(),
        "share": share,
        "unit": "points" if share else "hundredths of the labels' spread",
        "rows": [
            {
                **row,
                "name": _NAMES.get(row["name"], row["name"]),
                "gain": interval_words(row["gain"]),
                "over_run": interval_words(row["over_run"]),
            }
            for row in told["rows"]
        ],
        "tried": any(row["over_run"] for row in told["rows"]),
        "curve": curve_chart(told["curve"], percent=share) if len(told["curve"]) > 1 else "",
        "points": [{**point, "gain": interval_words(point["gain"])} for point in told["curve"]],
        "advice": told["advice"],
        "missing": "; ".join(told["missing"]),
        "seconds": told["seconds"],
        "margin": 100 * told["margin"],
    }


def interval_words(told: Mapping[str, float] | None) -> str:
    """Returns a gain in hundredths with its interval; empty if there is none.

    Example:
        >>> interval_words({"estimate": 0.05, "low": 0.02, "high": 0.08, "level": 0.95})
        '+5.0 [2.0, 8.0]'
    """
    return (
        ""
        if told is None
        else f"{100 * told['estimate']:+.1f} [{100 * told['low']:.1f}, {100 * told['high']:.1f}]"
    )


def curve_chart(points: Sequence[Mapping[str, Any]], *, percent: bool) -> str:
    """Returns both learning curves over the number of training examples, which is drawn on a logarithmic scale.

    Args:
        points: With `examples`, `run` and `scratch`, fewest examples first, two or more.
        percent: Whether values are shares.
    """
    values = [float(point[name]) for point in points for name in _STYLES]
    scale, ticks = svg.linear_axis(values)
    first, last = (math.log(points[at]["examples"]) for at in (0, -1))
    room = svg.WIDTH - svg.LEFT - svg.RIGHT - 20

    def place(examples: int) -> float:
        return svg.LEFT + 10 + (math.log(examples) - first) / ((last - first) or 1) * room

    parts = [svg.grid(scale(tick), svg.label(tick, percent, False, ticks)) for tick in ticks]
    parts += [
        f'<text class="tick" x="{place(point["examples"]):.1f}" y="{svg.HEIGHT - 8}" text-anchor="middle">'
        f"{point['examples']:,}</text>"
        for point in points
    ]
    for name, style in _STYLES.items():
        corners = [(place(point["examples"]), scale(float(point[name]))) for point in points]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in corners)
        parts.append(f'<g class="{style}"><title>{escape(_NAMES[name])}</title><path d="{path}"/>{dots}</g>')
    return svg.page("Learning curves of the run's plan and of the same network from scratch", parts)

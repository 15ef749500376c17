"""Pictures that stand alone: loss over learning rates, and what each stage of a backbone says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo import paths

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, ACCENT, WARM = "#1d2125", "#636b73", "#0f5f9e", "#bf5216"


def write_rates(
    path: Path, rates: Sequence[float], losses: Sequence[float], suggestion: float | None
) -> None:
    """Draws the smoothed loss over the rates, and the rate that is suggested, as SVG or PNG by the file's ending."""
    figure = _figure((6.4, 3.6))
    axes = figure.subplots()
    axes.plot(rates, losses, color=ACCENT)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate", color=MUTED)
    axes.set_ylabel("loss, smoothed", color=MUTED)
    if suggestion is not None:
        axes.axvline(suggestion, color=WARM, linestyle="--")
        axes.set_title(f"suggested: {suggestion:.2g}", loc="left", fontsize=10, color=INK)
    _write(figure, path)


def write_stages(
    path: Path, scores: Mapping[str, float], errors: Mapping[str, float], peak: str, measure: str
) -> None:
    """Draws the probe's score after each stage, the peak marked, as SVG or PNG by the file's ending.

    Args:
        path: The file.
        scores: By stage, stem first.
        errors: Standard error of each stage's difference from the peak.
        peak: The stage of the highest score.
        measure: What the score is.
    """
    figure = _figure((max(5.0, 0.7 * len(scores) + 2), 3.6))
    axes = figure.subplots()
    names, values = list(scores), list(scores.values())
    axes.errorbar(
        names, values, yerr=[2 * errors[name] for name in names], color=ACCENT, capsize=3, marker="o"
    )
    axes.plot([peak], [scores[peak]], "o", color=WARM, markersize=9, zorder=3)
    axes.set_ylabel(measure, color=MUTED)
    axes.set_title("probe after each stage, cross-validated", loc="left", fontsize=10, color=INK)
    axes.tick_params(axis="x", rotation=45 if len(names) > 6 else 0)
    _write(figure, path)


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=120, layout="constrained")


def _write(figure: Any, path: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    with paths.replacing(path) as target:
        # Without a date, the same numbers give the same file.
        kind = path.suffix.lstrip(".") or "svg"
        figure.savefig(target, format=kind, metadata={"Date": None} if kind == "svg" else None)

"""Pictures of the evidence, for viewers that take pixels and not tables."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.calibration import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Pixels = npt.NDArray[np.uint8]

_INK, _MUTED, _LINE, _ACCENT, _WARM = "#1d2125", "#636b73", "#d9dcdf", "#0f5f9e", "#bf5216"
#: Most classes whose names and counts are written into the matrix.
_NAMED = 30


def confusion_figure(counts: npt.NDArray[np.integer[Any]], names: Sequence[str]) -> Pixels:
    """Draws the confusion matrix, shaded by row share; counts and names up to 30 classes.

    Args:
        counts: (c, c); rows are true classes, columns predicted ones.
        names: c names in label order.

    Returns:
        uint8 (h, w, 3).
    """
    classes = len(names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.6 + 0.5 * min(classes, _NAMED), 4.0, 12.0))

    def draw(figure: Figure) -> None:
        axes = _axes(figure, "shaded by share of the row")
        axes.set_xlabel("decision", color=_MUTED)
        axes.set_ylabel("right class", color=_MUTED)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        if classes > _NAMED:
            axes.set_title(
                f"{classes} classes in label order, shaded by share of the row", loc="left", fontsize=10
            )
            return
        short = [_short(name) for name in names]
        axes.set_xticks(range(classes), short, rotation=0 if classes < 5 else 90)
        axes.set_yticks(range(classes), short)
        for (row, column), share in np.ndenumerate(shares):
            text = f"{counts[row, column]}" + (f"\n{share:.0%}" if classes <= 12 else "")
            axes.text(column, row, text, ha="center", va="center", fontsize=10 if classes <= 12 else 8,
                      color="white" if share > 0.55 else _INK)  # fmt: skip

    return _drawn(draw, (side + 1.2, side + 0.4))


def reliability_figure(named: Sequence[tuple[str, Reliability]]) -> Pixels:
    """Draws reliability diagrams side by side.

    Args:
        named: Titles and what was gathered.

    Returns:
        uint8 (h, w, 3).
    """

    def draw(figure: Figure) -> None:
        for number, (title, found) in enumerate(named):
            axes = _axes(figure, f"{title}: ECE {found.ece:.1%}", (1, len(named), number + 1))
            full = found.counts > 0
            middle, width = (found.edges[:-1] + found.edges[1:])[full] / 2, found.edges[1] - found.edges[0]
            right, sure = found.accuracy[full], found.confidence[full]
            axes.bar(middle, right, width * 0.9, color=_ACCENT, alpha=0.6, label="share right")
            axes.bar(middle, sure - right, width * 0.9, bottom=right, color=_WARM, alpha=0.4, label="gap")
            axes.plot([0, 1], [0, 1], "--", color=_MUTED, linewidth=1)
            axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
            axes.set_xlabel("confidence", color=_MUTED)
            axes.legend(frameon=False, loc="upper left", fontsize=9, labelcolor=_INK)

    return _drawn(draw, (4.4 * len(named), 4.4))


def scatter_figure(true: npt.NDArray[Any], predicted: npt.NDArray[Any], radius: float) -> Pixels:
    """Draws predicted over true numbers, the diagonal where both agree, and a band around it.

    Args:
        true: (n,).
        predicted: (n,).
        radius: Half the height of the band.

    Returns:
        uint8 (h, w, 3).
    """
    ends = [float(min(true.min(), predicted.min())), float(max(true.max(), predicted.max()))]

    def draw(figure: Figure) -> None:
        axes = _axes(figure, f"shaded: ± {radius:.4g}")
        axes.fill_between(
            ends, [end - radius for end in ends], [end + radius for end in ends], color=_ACCENT, alpha=0.1
        )
        axes.plot(ends, ends, "--", color=_MUTED, linewidth=1)
        axes.scatter(true, predicted, s=14, color=_ACCENT, alpha=0.5, linewidths=0)
        axes.set_xlabel("true", color=_MUTED)
        axes.set_ylabel("predicted", color=_MUTED)

    return _drawn(draw, (5.4, 5.0))


def mistakes_figure(pictures: Sequence[tuple[Pixels | None, str]], columns: int = 6) -> Pixels:
    """Draws pictures in a grid, each with a caption.

    Args:
        pictures: At least 1; uint8 (h, w, 3), or None where there is no picture.
        columns: Pictures in a row.

    Returns:
        uint8 (h, w, 3).
    """
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    width, height, side = 190, 235, 170
    page = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, (pixels, _) in enumerate(pictures):
        top, left = (number // columns) * height + 44, (number % columns) * width + 10
        shown = np.full((side, side, 3), 235, np.uint8) if pixels is None else pixels[:side, :side]
        page[top : top + shown.shape[0], left : left + shown.shape[1]] = shown

    def draw(figure: Figure) -> None:
        # One picture and plain text: axes for each picture would take seconds to lay out.
        figure.figimage(page)
        for number, (_, caption) in enumerate(pictures):
            x = ((number % columns) * width + 10) / page.shape[1]
            y = 1 - ((number // columns) * height + 6) / page.shape[0]
            figure.text(x, y, caption, fontsize=9, color=_INK, va="top")

    return _drawn(draw, (page.shape[1] / 100, page.shape[0] / 100), laid_out=False)


def _axes(figure: Figure, title: str, place: tuple[int, int, int] = (1, 1, 1)) -> Axes:
    axes = figure.add_subplot(*place)
    axes.set_title(title, loc="left", fontsize=10, color=_MUTED)
    axes.tick_params(colors=_INK, length=0)
    for spine in axes.spines.values():
        spine.set_color(_LINE)
    return axes


def _drawn(draw: Any, size: tuple[float, float], *, laid_out: bool = True) -> Pixels:
    """Returns what `draw` puts on a figure of `size` inches; pyplot's global state is left alone."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # Names are hostile: no mathematics between dollars, and no complaint about letters the font lacks.
    with matplotlib.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = Figure(figsize=size, dpi=100, facecolor="white")
        if laid_out:
            figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
        canvas = FigureCanvasAgg(figure)
        draw(figure)
        canvas.draw()
        return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _short(name: str, longest: int = 22) -> str:
    plain = " ".join(name.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"

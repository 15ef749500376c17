"""The report: one HTML file that needs nothing else, made from a run folder alone."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo import paths
from tlzoo.evaluation import task_views, views
from tlzoo.evaluation.adaptation import adaptation
from tlzoo.evaluation.choice import choice_view
from tlzoo.evaluation.record import RunRecord
from tlzoo.evaluation.transductive import transductive_remarks
from tlzoo.evaluation.verdict_view import verdict_view

if TYPE_CHECKING:
    from jinja2 import Environment

#: Texts among the worst mistakes that are not folded away.
UNFOLDED = 12

_TEMPLATES = Path(__file__).with_name("templates")


def write_report(run_dir: Path) -> Path:
    """Writes `report.html` into a finished run's folder and returns its path.

    The page needs no network and no scripts, and forbids both to itself. Names of files and classes are
    escaped: they are whatever a stranger called them.

    Args:
        run_dir: The run folder.

    Raises:
        RunError: It is not a run folder, or the run has not finished.

    Example:
        >>> write_report(Path("runs/first"))  # doctest: +SKIP
        PosixPath('runs/first/report.html')
    """
    record = RunRecord.read(run_dir)
    template = "report" if record.task == "classification" else record.task
    page = _environment().get_template(f"{template}.html.j2").render(**_context(record))
    target = record.path / "report.html"
    paths.write_text(target, page)
    return target


def _context(record: RunRecord) -> dict[str, Any]:
    return {
        "record": record,
        "card": record.card,
        **_VERDICTS[record.task](record),
        "warnings": transductive_remarks(record.metrics.get("pseudo")),
        "choice": choice_view(record.choice),
        "verdict": verdict_view(record),
        "curves": views.curves(record),
        "mistakes": [
            {
                **entry,
                "src": _embedded(record.path, entry.get("file")),
                "why_src": _embedded(record.path, entry.get("why")),
            }
            for entry in record.mistakes
        ],
        "unfolded": UNFOLDED,
        "data": views.data(record),
        "plan": views.plan(record),
        "trained": {stage for phase in record.plan.phases for stage in phase.trains},
        "reproduction": views.reproduction(record),
        "trust": record.metrics.get("trust") or {},
        "adaptation": adaptation(record),
    }


def _of_classes(record: RunRecord) -> dict[str, Any]:
    return {
        "headline": views.headline(record),
        "scores": views.scores(record),
        "confusion": views.confusion(record),
        "classes": views.classes(record),
        "calibration": views.calibration(record),
    }


_VERDICTS = {
    "classification": _of_classes,
    "multilabel": task_views.of_sets,
    "regression": task_views.of_numbers,
}


def _environment() -> Environment:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=_percent, number=_number, figure=_figure, count=_count, duration=_duration
    )
    css = (_TEMPLATES / "report.css").read_text("utf-8")
    environment.globals.update(css=Markup(css))  # noqa: S704 - the package's own file
    return environment


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f}%"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _figure(value: float | None) -> str:
    """Returns a number in the unit of the labels, whatever its size: 4 digits that mean something."""
    return "–" if value is None else f"{value:.4g}"


def _count(value: int) -> str:
    return f"{value:,}"


def _duration(seconds: float | None) -> str:
    """Returns seconds as people say them: `4.2 s`, `6 min 53 s`, `1 h 02 min`."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _embedded(run_dir: Path, file: Any) -> str:
    """Returns a thumbnail as a data URI; only files inside `mistakes` are ever read."""
    name = Path(str(file or "")).name
    path = run_dir / "mistakes" / name
    if not name.endswith(".png") or path.is_symlink() or not path.is_file():
        return ""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")

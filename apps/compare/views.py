"""What a comparison shows: tables, words, curves; every word from outside is escaped."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..common import charts, html

WIDEST = 16
"""Classes up to which the whole confusion matrix is shown."""
MOST_PAIRS = 12
"""Confusions that are listed where there are more classes."""
AXES = ("epochs", "seconds")


def scale(metric: Any) -> tuple[float, str, str]:
    """Returns factor, format and unit of a metric's values."""
    return (100.0, ".1f", " %") if metric.share else (1.0, ".3f", "")


def said(value: float, metric: Any) -> str:
    """Returns a value of a metric in words: `87.0 %`."""
    factor, form, unit = scale(metric)
    return f"{factor * value:{form}}{unit}"


def winner(comparison: Any, names: Mapping[str, str]) -> str:
    """Returns who wins, as a sentence that stands out.

    Args:
        comparison: Of `tlzoo.compare`.
        names: Of runs, by path.
    """
    sentence = comparison.verdict
    for path in sorted(names, key=len, reverse=True):
        sentence = sentence.replace(path, names[path])
    beyond = bool(comparison.pairs) and all(pair.difference.excludes_zero for pair in comparison.pairs)
    return html.note(sentence, "" if beyond or not comparison.pairs else "warn")


def table(comparison: Any, runs: Mapping[str, Any], metric: Any) -> str:
    """Returns scores with intervals, costs, and how each compares with the best.

    Args:
        comparison: Of `tlzoo.compare`.
        runs: By path.
        metric: What was compared.
    """
    words = {pair.run: pair.verdict for pair in comparison.pairs}
    header = ("run", metric.name.replace("_", " "), "95 % interval", "test examples", "against the best",
              "seconds", "parameters", "epochs", "recipe", "backbone", "data")  # fmt: skip
    rows = []
    for row in comparison.rows:
        run, value = runs[row.run], row.value
        rows.append(
            (
                run.name,
                said(value.estimate, metric),
                f"{said(value.low, metric)} to {said(value.high, metric)}",
                f"{row.n:,}",
                words.get(row.run, "best"),
                "–" if row.seconds is None else f"{row.seconds:,.1f}",
                f"{row.params / 1e6:.1f} M",
                str(row.epochs),
                row.recipe,
                row.backbone,
                run.data,
            )
        )
    return f'<div class="tl-wide">{html.table(header, rows, "Runs, best first")}</div>'


def intervals(comparison: Any, runs: Mapping[str, Any], metric: Any) -> str:
    """Returns each run's score as a dot on its interval, all on one scale.

    Args:
        comparison: Of `tlzoo.compare`.
        runs: By path.
        metric: What was compared.
    """
    return charts.spans(
        [(runs[row.run].name, row.value, said(row.value.estimate, metric)) for row in comparison.rows]
    )


def curves(runs: Sequence[Any], key: str, title: str, axis: str) -> str:
    """Returns what was watched on validation examples, over training.

    Args:
        runs: Whose logs are drawn.
        key: Name in the log, as `val_loss`.
        title: What is drawn.
        axis: One of `AXES`.
    """
    series = {
        run.name: [
            (epoch.number if axis == AXES[0] else epoch.seconds, epoch.values[key])
            for epoch in run.log
            if key in epoch.values
        ]
        for run in runs
    }
    return charts.lines(series, title, axis, from_zero=False)


def confusion(run: Any) -> str:
    """Returns a run's confusion on its test examples."""
    if run.confusion is None:
        return html.note(f"{run.name} tells no classes apart, so it confuses none.")
    if len(run.class_names) <= WIDEST:
        return charts.confusion(run.confusion, run.class_names)
    pairs = [
        (count, run.class_names[label], run.class_names[other], sum(row))
        for label, row in enumerate(run.confusion)
        for other, count in enumerate(row)
        if count and label != other
    ]
    rows = [(label, other, f"{count:,} of {n:,}") for count, label, other, n in sorted(pairs, reverse=True)]
    return html.table(("it is", "it was called", "how often"), rows[:MOST_PAIRS], "Commonest confusions")


def verdicts(runs: Sequence[Any]) -> str:
    """Returns what `tlzoo verdict` said of the runs that have one, with their learning curves."""
    parts = [_verdict(run) for run in runs if run.verdict]
    if not parts:
        command = f"tlzoo verdict {shlex.quote(str(runs[0].path))}" if runs else "tlzoo verdict RUN"
        return (
            '<p class="tl-none">None of these runs was asked whether pretraining helped. '
            f"This asks: <code>{escape(command)}</code></p>"
        )
    return "".join(parts)


def _verdict(run: Any) -> str:
    told = run.verdict
    more = [told.get("catch_up_words"), *_sentences(told.get("cautions"))]
    listed = "".join(f"<li>{escape(str(each))}</li>" for each in more if each)
    return (
        f'<section class="tl-step"><h2>{escape(run.name)}</h2>{html.note(told["sentence"])}'
        f"<ul>{listed}</ul>{_learning(told)}</section>"
    )


def _sentences(told: Any) -> list[str]:
    return [str(each) for each in told] if isinstance(told, list) else []


def _learning(told: Mapping[str, Any]) -> str:
    """Draws the learning curves, as far as the file holds some."""
    series: dict[str, list[tuple[float, float]]] = {"as the run learns": [], "from scratch": []}
    points = told.get("curve")
    for point in points if isinstance(points, list) else []:
        for name, key in zip(series, ("run", "scratch"), strict=True):
            try:
                series[name].append((float(point["examples"]), float(point[key])))
            except (KeyError, TypeError, ValueError):
                continue
    metric = str(told.get("metric", "score")).replace("_", " ")
    drawn = charts.lines(series, f"Test {metric} by training examples", "examples", from_zero=False)
    return f'<div class="tl-small">{drawn}</div>'


def problems(found: Sequence[Any]) -> str:
    """Returns the folders that cannot be shown, and why."""
    if not found:
        return ""
    listed = "".join(
        f"<li><b>{escape(each.path.name)}</b>: {escape(each.why.replace('`', ''))}</li>" for each in found
    )
    count = "One folder is" if len(found) == 1 else f"{len(found)} folders are"
    return f'<div class="tl-note tl-warn" role="status">{count} not shown:<ul>{listed}</ul></div>'


def board(runs: Sequence[Any], address: str) -> str:
    """Returns where TensorBoard shows the runs, or the command that starts it.

    Args:
        runs: Whose event files are meant.
        address: Of a TensorBoard; empty for none.
    """
    if address.startswith(("http://", "https://")):
        link = escape(address, quote=True)
        return f'<p>TensorBoard: <a href="{link}" target="_blank" rel="noreferrer noopener">{link}</a></p>'
    there = [run for run in runs if run.tensorboard is not None]
    if not there:
        return '<p class="tl-none">None of these runs has event files.</p>'
    logs = ",".join(f"{run.name}:{run.tensorboard}" for run in there)
    command = escape(f"tensorboard --logdir_spec {shlex.quote(logs)}")
    return f"<p>TensorBoard of these runs:</p><pre><code>{command}</code></pre>"

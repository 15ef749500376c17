"""Compare runs: choose some, see who wins, and look closer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from tlzoo.registry import app_card

from ..common.errors import spoken
from ..common.page import page, tabs
from . import views
from .runs import Runs
from .runs import opened as open_source

__all__ = ["build", "open_source"]


def build(runs: Runs) -> gr.Blocks:
    """Returns the page.

    Args:
        runs: What can be compared.
    """
    task = runs.found.tasks[0]
    names = _names_of(runs, task)
    with page(app_card("compare")) as blocks:
        broken = gr.HTML(views.problems(runs.found.problems), elem_id="tl-problems", padding=False)
        kind = gr.Radio(list(runs.found.tasks), value=task, label="Task", visible=len(runs.found.tasks) > 1)
        chosen = gr.CheckboxGroup(names, value=names, label="Runs", elem_id="tl-runs")
        with gr.Row(elem_classes=["tl-examples"]):
            everything = gr.Button("All of them", size="sm", min_width=90)
            best = gr.Button("The best two", size="sm", min_width=90)
            quick = gr.Button("The quickest two", size="sm", min_width=90)
        with gr.Row():
            metric = gr.Dropdown(_metrics(runs, task), label="Compared by", min_width=160)
            axis = gr.Radio(views.AXES, value=views.AXES[0], label="Curves over", min_width=160)
            main = gr.Button("Read again", variant="primary", elem_id="main", elem_classes=["tl-beside"])
        shown = _results()
        with tabs():
            shown += _more()
            with gr.Tab("Confusion"):
                which = gr.Dropdown(names, value=names[0], label="Run")
                confused = gr.HTML(elem_id="tl-confusion", padding=False)

        def compare(names: Sequence[str], metric: str, axis: str) -> tuple[str, ...]:
            return _compared(runs, names, metric, axis)

        def read(task: str, names: Sequence[str]) -> tuple[Any, ...]:
            before = set(_names_of(runs, task))
            runs.read()
            now = _names_of(runs, task)
            kept = [name for name in now if name in names or name not in before]
            return gr.CheckboxGroup(now, value=kept), gr.Dropdown(now), views.problems(runs.found.problems)

        def turn(task: str) -> tuple[Any, ...]:
            now, metrics = _names_of(runs, task), _metrics(runs, task)
            return (
                gr.CheckboxGroup(now, value=now),
                gr.Dropdown(now, value=now[0]),
                gr.Dropdown(metrics, value=metrics[0]),
            )

        def look(name: str) -> str:
            return "".join(views.confusion(run) for run in runs.chosen([name]))

        asked, quiet = [chosen, metric, axis], {"show_progress": "hidden"}
        gr.on(
            [blocks.load, chosen.change, metric.change, axis.change], spoken(compare), asked, shown, **quiet
        )
        main.click(spoken(read), [kind, chosen], [chosen, which, broken]).then(
            spoken(compare), asked, shown, **quiet
        )
        kind.change(spoken(turn), kind, [chosen, which, metric], **quiet)
        gr.on([blocks.load, which.change], spoken(look), which, confused, **quiet)
        everything.click(lambda task: _names_of(runs, task), kind, chosen, **quiet)
        best.click(spoken(lambda task, metric: _best(runs, task, metric)), [kind, metric], chosen, **quiet)
        quick.click(lambda task: _quickest(runs, task), kind, chosen, **quiet)
    return blocks


def _results() -> list[gr.HTML]:
    """Lays out what a comparison shows above its tabs; returns it, with `_more` behind, in the order of `_compared`."""
    win = gr.HTML(elem_id="tl-winner", padding=False)
    spans = gr.HTML(elem_id="tl-intervals", padding=False)
    table = gr.HTML(elem_id="tl-table", padding=False)
    with gr.Row():
        with gr.Column(min_width=300):
            loss = gr.HTML(elem_id="tl-loss", padding=False)
        with gr.Column(min_width=300):
            watched = gr.HTML(elem_id="tl-watched", padding=False)
    return [win, spans, table, loss, watched]


def _more() -> list[gr.HTML]:
    """Lays out its first tabs."""
    with gr.Tab("Verdicts"):
        verdicts = gr.HTML(elem_id="tl-verdicts", padding=False)
    with gr.Tab("TensorBoard"):
        board = gr.HTML(elem_id="tl-board", padding=False)
    return [verdicts, board]


def _compared(runs: Runs, names: Sequence[str], metric: str, axis: str) -> tuple[str, ...]:
    chosen = runs.chosen(names)
    if not chosen:
        return '<p class="tl-none">Choose a run or more.</p>', "", "", "", "", "", ""
    by_path, measure = {str(run.path): run for run in chosen}, _metric(runs, chosen[0].task, metric)
    comparison = runs.compare(chosen, measure.name)
    watched = chosen[0].watched
    return (
        views.winner(comparison, {path: run.name for path, run in by_path.items()}),
        views.intervals(comparison, by_path, measure),
        views.table(comparison, by_path, measure),
        views.curves(chosen, "val_loss", "Validation loss", axis),
        views.curves(chosen, f"val_{watched}", f"Validation {watched.replace('_', ' ')}", axis),
        views.verdicts(chosen),
        views.board(chosen, runs.tensorboard),
    )


def _names_of(runs: Runs, task: str) -> list[str]:
    return [run.name for run in runs.found.runs if run.task == task]


def _metrics(runs: Runs, task: str) -> list[str]:
    return [metric.name for metric in runs.found.metrics(task)]


def _metric(runs: Runs, task: str, name: str) -> Any:
    """Returns a metric; the task's usual one while the page still turns to another task."""
    known = runs.found.metrics(task)
    return next((metric for metric in known if metric.name == name), known[0])


def _best(runs: Runs, task: str, metric: str) -> list[str]:
    """Returns the names of the two best runs."""
    chosen = runs.chosen(_names_of(runs, task))
    found = runs.compare(chosen, _metric(runs, task, metric).name)
    names = {str(run.path): run.name for run in chosen}
    return [names[row.run] for row in found.rows[:2]]


def _quickest(runs: Runs, task: str) -> list[str]:
    known = [
        (run.seconds, run.name) for run in runs.found.runs if run.task == task and run.seconds is not None
    ]
    return [name for _, name in sorted(known)[:2]]

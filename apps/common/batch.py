"""The part of a page that asks about many items: progress, Stop, a table that sorts, and a CSV file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from tlzoo.cards.app import AppCard

from . import held, html, session
from .errors import spoken, told
from .fitting import described
from .predictor import AppPredictor
from .sheet import SHOWN, Sheet
from .values import About
from .why import followed, stop
from .work import Work

AT_ONCE = 2
"""Visitors whose tables are answered at once; the rest wait their turn."""


@dataclass(frozen=True)
class Batch:
    """The components; the app puts what it reads from above them.

    Attributes:
        ask: The button that starts.
        halt: The one that stops.
        told: How far it is.
        table: The answers.
        download: The same as a CSV file.
        work: What runs, of one visitor.
        folder: Where that visitor's file is.
        sheet: What was answered last.
    """

    ask: gr.Button
    halt: gr.Button
    told: gr.HTML
    table: gr.HTML
    download: gr.DownloadButton
    work: gr.State
    folder: gr.State
    sheet: gr.State


def batch(words: str) -> Batch:
    """Makes the components.

    Args:
        words: On the button that starts.
    """
    with gr.Row():
        ask = gr.Button(words, variant="primary", elem_id="tl-batch-ask")
        halt = gr.Button("Stop", interactive=False, elem_id="tl-batch-stop")
    told = gr.HTML(elem_id="tl-batch-told", padding=False)
    table = gr.HTML(
        visible=False, padding=False, apply_default_css=False, js_on_load=html.SORTS, elem_id="tl-batch-table"
    )
    download = gr.DownloadButton("Download all answers as CSV", visible=False, elem_id="tl-batch-download")
    return Batch(ask, halt, told, table, download, held.state(), held.state(), held.state())


def wire(
    parts: Batch, card: AppCard, predictor: AppPredictor, gather: Callable[..., Sheet], inputs: Sequence[Any]
) -> None:
    """Lets the buttons do their work.

    Args:
        parts: The components.
        card: Of the app.
        predictor: The model.
        gather: From a new folder of the visitor and the values of `inputs` to what is asked; raises where there is
            nothing.
        inputs: Components.
    """

    def run(before: Any, *given: Any) -> Iterator[list[Any]]:
        about, folder, words = described(card, predictor), session.new_folder(), ""
        try:
            sheet = gather(folder, *given)
        except Exception:
            held.forget(folder)
            raise
        held.forget(before)
        work = Work(lambda tell: sheet.fill(predictor, tell))
        try:
            for words in followed(work):
                yield [words, gr.skip(), gr.skip(), work, folder, gr.skip(), gr.update(interactive=True)]
            words = html.note(_summary(sheet, stopped=len(sheet.answers) < len(sheet.items)))
        except Exception as error:
            # What has been answered is worth showing, whatever came then.
            words = html.note(f"{told(error).message} {_summary(sheet, stopped=True)}", "bad")
        yield [words, *_shown(sheet, about, folder), None, folder, sheet, gr.update(interactive=False)]

    outputs = [parts.told, parts.table, parts.download, parts.work, parts.folder, parts.sheet, parts.halt]
    parts.ask.click(
        spoken(run), [parts.folder, *inputs], outputs, concurrency_limit=AT_ONCE, show_progress="hidden"
    )
    parts.halt.click(stop, [parts.work], None, queue=False, show_progress="hidden")


def _shown(sheet: Sheet, about: About, folder: Path) -> list[Any]:
    """Returns what becomes of the table and of the button that downloads it."""
    if not sheet.answers:
        return [gr.update(visible=False), gr.update(visible=False)]
    file = sheet.write(folder / "answers.csv", about)
    words = "Answers; the names of columns are buttons that sort"
    table = html.sortable(*sheet.shown(about), words, opens=sheet.opens)
    return [gr.update(value=table, visible=True), gr.update(value=str(file), visible=True)]


def _summary(sheet: Sheet, *, stopped: bool) -> str:
    """Returns how many were answered with what, in words."""
    said = [answer.said for answer in sheet.answers]
    counts = Counter(one.label for one in said if one.label is not None)
    parts = [f"{len(said):,} of {len(sheet.items):,} answered" if stopped else f"{len(said):,} answered"]
    parts += [f"{count:,} {name}" for name, count in counts.most_common(8)]
    foreign = sum(answer.foreign is True for answer in sheet.answers)
    broken = sum(one.error is not None for one in said)
    parts += [f"{foreign:,} unlike the training data"] if foreign else []
    parts += [f"{broken:,} could not be read"] if broken else []
    cut = f" The table shows the first {SHOWN:,}; the CSV file has all." if len(said) > SHOWN else ""
    return f"{'Stopped. ' if stopped else ''}{parts[0]}: {', '.join(parts[1:]) or 'nothing'}.{cut}"

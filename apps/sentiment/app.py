"""What a text says: classes, the words that decide, and tables of texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from tlzoo.errors import DataError
from tlzoo.registry import app_card

from ..common import held, html
from ..common.batch import batch, wire
from ..common.errors import spoken
from ..common.fitting import described
from ..common.page import page, tabs
from ..common.predictor import AppPredictor
from ..common.why import asking, followed, stop, words
from .tables import columns_of, sheet_of

LONGEST = 20_000
"""Most characters of one text."""
TEXTS = Path(__file__).with_name("examples") / "texts.txt"


def build(predictor: AppPredictor) -> gr.Blocks:
    """Returns the page.

    Args:
        predictor: A classifier of texts.

    Raises:
        UsageError: It is known to be something else.
    """
    with page(app_card("sentiment"), predictor) as blocks, tabs():
        with gr.Tab("One text"):
            _one_text(predictor)
        with gr.Tab("A table"):
            _table(predictor)
    return blocks


def _one_text(predictor: AppPredictor) -> None:
    card, work = app_card("sentiment"), held.state()

    def judge(text: str | None) -> Iterator[list[Any]]:
        about, text = described(card, predictor), _checked(text)
        (found,) = predictor.predict([text])
        answer = html.answer(found, about)
        if not predictor.explains or about.task != "classification" or found.said.error is not None:
            yield [answer, "", None, _off()]
            return
        yield [answer, "", None, _off()]  # before the words: finding them keeps the processors busy
        asked = asking(predictor, text)
        for said in followed(asked):
            yield [answer, said, asked, gr.update(interactive=True)]
        yield [answer, words(asked.result) if asked.result else said, None, _off()]

    with gr.Row():
        with gr.Column():
            text = gr.Textbox(
                label="Text", lines=7, max_lines=16, max_length=LONGEST, placeholder="Paste or type a text"
            )
            with gr.Row():
                ask = gr.Button("Judge", variant="primary", elem_id="main")
                halt = gr.Button("Stop", interactive=False, elem_id="tl-stop")
        with gr.Column():
            answer = gr.HTML(
                html.note("Type a text or click an example, then press Judge."),
                elem_id="tl-answer",
                padding=False,
            )
            why = gr.HTML(elem_id="tl-words", padding=False)
    with gr.Column(elem_classes=["tl-examples"]):
        gr.Examples([[each] for each in _examples(predictor)], text, label="Examples: click one")
    gr.on(
        [ask.click, text.submit],
        spoken(judge),
        [text],
        [answer, why, work, halt],
        concurrency_limit=4,
        show_progress="hidden",
    )
    halt.click(stop, [work], None, queue=False, show_progress="hidden")


def _table(predictor: AppPredictor) -> None:
    def uploaded(file: str | None) -> Any:
        names, guess = columns_of(file) if file else ([], None)
        return gr.update(choices=names, value=guess, interactive=bool(names))

    file = gr.File(label="A table of texts: CSV, TSV, JSON lines or Parquet", elem_id="tl-upload")
    column = gr.Dropdown([], label="Column of the texts", interactive=False, elem_id="tl-column")
    file.change(spoken(uploaded), [file], column, show_progress="hidden")
    wire(batch("Judge all"), app_card("sentiment"), predictor, sheet_of, [file, column])


def _checked(text: str | None) -> str:
    text = (text or "").strip()
    if not text:
        raise DataError("there is no text.", do="Paste or type one, or click an example.")
    if len(text) > LONGEST:
        raise DataError(f"the text has {len(text):,} characters.", allowed=f"up to {LONGEST:,}.")
    return text


def _examples(predictor: AppPredictor) -> list[str]:
    given = [one.decode("utf-8", "replace") for one in predictor.samples()]
    return [*given[:3], *TEXTS.read_text("utf-8").splitlines()]


def _off() -> Any:
    return gr.update(interactive=False)

"""Inspection by pictures: how likely a defect is, where the evidence lies, and many pictures at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from tlzoo.errors import DataError
from tlzoo.registry import app_card

from ..common import held, html, session
from ..common.batch import Batch, batch
from ..common.batch import wire as wire_batch
from ..common.errors import spoken
from ..common.evidence import QUIET, choices, evidence
from ..common.evidence import wire as wire_evidence
from ..common.fields import by_path
from ..common.fitting import described
from ..common.page import page, tabs
from ..common.predictor import AppPredictor
from ..common.sheet import Sheet
from ..common.values import About, Answer
from .pictures import sheet_of

DRAWN = Path(__file__).with_name("examples")
HINT = "Upload a picture or click an example, then press Inspect."
DEFECT = "defective"
"""The class whose probability is told first, where there is such a class."""


def build(predictor: AppPredictor) -> gr.Blocks:
    """Returns the page.

    Args:
        predictor: A classifier of pictures.

    Raises:
        UsageError: It is known to be something else.
    """
    with page(app_card("inspect"), predictor) as blocks:
        with tabs() as both:
            with gr.Tab("One picture", id="one"):
                picture, opened = _one_picture(predictor)
            with gr.Tab("Many pictures", id="many"):
                parts = _many_pictures(predictor)
        _open_rows(parts, predictor, [both, picture, opened])
    return blocks


def _one_picture(predictor: AppPredictor) -> tuple[gr.Image, gr.State]:
    """Makes the first tab; the state it gives holds the answer that comes with the next picture, if one does."""
    card = app_card("inspect")
    with gr.Row():
        with gr.Column():
            picture = by_path(
                gr.Image(type="filepath", image_mode=None, label="Picture", height=340, elem_id="tl-picture")
            )
            ask = gr.Button("Inspect", variant="primary", elem_id="main")
            with gr.Column(elem_classes=["tl-examples"]):
                gr.Examples(
                    [[str(each)] for each in _examples(predictor)], picture, label="Examples: click one"
                )
        with gr.Column():
            answer = gr.HTML(html.note(HINT), elem_id="tl-answer", padding=False)
            parts = evidence(predictor)

    def inspect(path: str | None, label: str) -> tuple[Any, ...]:
        about = described(card, predictor)
        (found,) = predictor.predict([_there(path)])
        return (
            answered(found, about),
            "",
            choices(about.class_names or tuple(found.said.probabilities), label),
        )

    at_once = wire_evidence(parts, card, predictor, _there, [picture])
    at_once(ask.click(spoken(inspect), [picture, parts.label], [answer, parts.why, parts.label], **QUIET))
    opened = held.state()
    picture.change(
        lambda told: (told or html.note(HINT), "", None),
        [opened],
        [answer, parts.why, opened],
        show_progress="hidden",
    )
    return picture, opened


def _many_pictures(predictor: AppPredictor) -> Batch:
    files = gr.File(
        label="Pictures, or a zip file of them", file_count="multiple", elem_id="tl-upload", height=180
    )
    parts = batch("Inspect all")
    wire_batch(parts, app_card("inspect"), predictor, sheet_of, [files])
    return parts


def _open_rows(parts: Batch, predictor: AppPredictor, outputs: list[Any]) -> None:
    def opened(sheet: Sheet | None, event: gr.EventData) -> tuple[Any, ...]:
        if sheet is None:
            raise DataError("this table is too old.", do="Inspect the pictures again.")
        row = int(event.row)
        answer = sheet.answers[row]
        if answer.said.error is not None:
            raise DataError(f"'{sheet.rows[row][0]}' cannot be shown: {answer.said.error}")
        return gr.update(selected="one"), str(sheet.items[row]), answered(answer, predictor.describe())

    parts.table.select(spoken(opened), [parts.sheet], outputs, show_progress="hidden")


def answered(found: Answer, about: About) -> str:
    """Returns an answer as the page shows it: the probability of a defect first."""
    share = found.said.probabilities.get(DEFECT)
    first = (
        ""
        if share is None
        else f'<div class="tl-first">Probability of a defect <strong>{100 * share:.1f} %</strong></div>'
    )
    return first + html.answer(found, about)


def _there(path: str | None) -> str:
    if not path:
        raise DataError("there is no picture.", do="Upload one, or click an example.")
    return path


def _examples(predictor: AppPredictor) -> list[Path]:
    folder, found = session.new_folder(), []
    for number, encoded in enumerate(predictor.samples()):
        ending = "jpg" if encoded.startswith(b"\xff\xd8") else "png"
        found.append(folder / f"example {number + 1}.{ending}")
        found[-1].write_bytes(encoded)
    return [*found, *sorted(DRAWN.glob("*.png"))]

"""Medical pictures under a user's own model: window and level, calibrated probabilities, evidence; nothing is kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from tlzoo.cards.app import AppCard
from tlzoo.registry import app_card

from ..common import held, html
from ..common.errors import spoken, told
from ..common.evidence import QUIET, choices, evidence, wire
from ..common.fields import by_path
from ..common.fitting import described
from ..common.page import page
from ..common.predictor import AppPredictor
from ..common.values import About
from .controls import Controls, controls
from .offered import Offered, offered
from .study import consumed, open_study
from .view import View, pixels

WARNING = (
    '<p class="tl-danger" role="alert"><strong>This is not a medical device.</strong> '
    "Its answers must not be used to diagnose, to treat, or to decide not to.</p>"
)


def build(predictor: AppPredictor) -> gr.Blocks:
    """Returns the page.

    Args:
        predictor: A classifier of pictures.

    Raises:
        UsageError: It is known to be something else.
    """
    card = app_card("medical")
    with page(card, predictor) as blocks:
        gr.HTML(WARNING, padding=False)
        with gr.Row():
            with gr.Column():
                view, shown, parts, events = _looking(predictor)
            with gr.Column():
                _asking(card, predictor, view, shown, parts, events)
    return blocks


def _looking(predictor: AppPredictor) -> tuple[gr.State, gr.HTML, Controls, list[Any]]:
    """Makes the left half: what is looked at, and how; and gives the events that change it."""
    view = held.state()
    file = by_path(
        gr.File(
            label="DICOM, PNG, TIFF or JPEG; deleted once it is read",
            height=150,
            elem_id="tl-upload",
        )
    )
    given = offered(predictor.samples())
    with gr.Row(elem_classes=["tl-examples"]):
        buttons = [gr.Button(each.title, size="sm", min_width=120) for each in given]
    shown = gr.HTML(html.note("Upload a picture, or click an example."), elem_id="tl-shown", padding=False)
    parts = controls()
    outputs = [view, file, shown, *parts.all()]

    def opened(read: Callable[[], tuple[bytes, str]]) -> list[Any]:
        try:
            found = View.of(open_study(*read()))
        except Exception as error:
            return [None, None, html.note(told(error).message, "bad"), *parts.reset()]
        return [found, None, _picture(found.plane.shown(), found), *parts.of(found)]

    def uploaded(path: str) -> list[Any]:
        return opened(lambda: (consumed(Path(path)), Path(path).suffix))

    events: list[Any] = [file.upload(uploaded, [file], outputs, show_progress="hidden")]
    for button, each in zip(buttons, given, strict=True):
        click = partial(opened, partial(_of_example, each))
        events.append(button.click(click, None, outputs, show_progress="hidden"))
    forgotten = [None, None, html.note("It is forgotten."), *parts.reset()]
    events.append(parts.forget.click(lambda: forgotten, None, outputs, show_progress="hidden"))
    return view, shown, parts, events


def _asking(
    card: AppCard, predictor: AppPredictor, view: gr.State, shown: gr.HTML, parts: Controls, events: list[Any]
) -> None:
    """Makes the right half: what the model says of what is shown."""
    ask = gr.Button("Ask the model", variant="primary", elem_id="main")
    answer = gr.HTML(elem_id="tl-answer", padding=False)
    why = evidence(predictor)
    looked = [view, parts.level, parts.width, parts.inverted]

    def look(view: View | None, frame: float, level: float, width: float, inverted: bool) -> list[Any]:
        if view is None:
            return [None, gr.skip(), "", ""]
        view = view.at(int(frame) - 1)
        return [view, _picture(pixels(view, level, width, inverted), view), "", ""]

    def judge(label: str, *given: Any) -> list[Any]:
        about = described(card, predictor)
        (found,) = predictor.predict([pixels(*given)])
        names = about.class_names or tuple(found.said.probabilities)
        return [html.answer(found, about) + _calibrated(about), "", choices(names, label)]

    gr.on(
        [each.input for each in parts.all()],
        spoken(look),
        [view, *parts.all()],
        [view, shown, answer, why.why],
        trigger_mode="always_last",
        show_progress="hidden",
    )
    for event in events:
        event.then(lambda: ["", ""], None, [answer, why.why], show_progress="hidden", queue=False)
    at_once = wire(why, card, predictor, pixels, looked)
    at_once(ask.click(spoken(judge), [why.label, *looked], [answer, why.why, why.label], **QUIET))


def _of_example(example: Offered) -> tuple[bytes, str]:
    return example.data, example.ending


def _picture(shown: np.ndarray, view: View) -> str:
    return (
        f'<figure class="tl-dark">{html.picture(shown, "the picture as the model sees it")}</figure>'
        + html.note(view.words())
    )


def _calibrated(about: About) -> str:
    """Returns what is known of the probabilities themselves."""
    error = about.scores.get("ece")
    if error is None:
        return html.note("Nobody has measured how well these probabilities are calibrated.", "warn")
    return html.note(
        f"These probabilities are calibrated: on held-out pictures they were off by {100 * error:.1f} % on average."
    )

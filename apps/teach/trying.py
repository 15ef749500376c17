"""The third step of the page: try the model, see why it says so, and what else can be done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from ..common import html
from ..common.errors import sentence, spoken, unexpected
from ..common.fields import by_path
from ..common.page import tabs
from ..common.session import Visits
from ..common.work import Cancelled
from . import helped, results, taking
from .lesson import Lesson, journal

EPOCHS = 12


@dataclass
class Trying:
    """What is shown once there is a model.

    Attributes:
        part: All of it.
        summary: How good the model is.
        details: Confusion and classes.
        text: A text to try.
        tries: Held-back pictures to click.
        pictures: What stands around pictures.
        texts: What stands around texts.
        stale: What told of the model before, once there is another; `emptied` says what becomes of it.
        tuned: Likewise, where the other one is not what was tuned.
    """

    part: Any
    summary: Any
    details: Any
    text: Any
    tries: Any
    pictures: Any
    texts: Any
    stale: list[Any]
    tuned: list[Any]


GONE: dict[str, Any] = {"value": None, "visible": False}
EMPTIED: tuple[dict[str, Any], ...] = (
    {"value": None},
    {"value": ""},
    {"interactive": False},
    GONE,
    GONE,
    {"value": ""},
    {"value": ""},
    GONE,
)
"""What becomes of a picture, its answer, the button Why, heat map, words, the verdict, and files to take away."""


def emptied() -> tuple[Any, ...]:
    """Returns updates of `Trying.stale`."""
    return tuple(gr.update(**each) for each in EMPTIED)


def draw(visits: Visits[Lesson], repository: Path | None) -> Trying:
    """Draws the step; call it inside of the page.

    Args:
        visits: The visitors' lessons.
        repository: Folder of models that a server looks at; None where nothing is deployed.
    """
    with gr.Column(visible=False, elem_id="result") as part:
        gr.HTML('<div class="tl-step"><h2>3. Try it</h2></div>', padding=False)
        summary = gr.HTML(elem_id="summary", padding=False)
        with tabs():
            with gr.Tab("Try it"):
                tried = _draw_try(visits)
            with gr.Tab("How good is it?"):
                details = gr.HTML(elem_id="details", padding=False)
            with gr.Tab("Fine-tune"):
                tuning = _draw_tune()
            with gr.Tab("Did transfer help?"):
                verdict = helped.draw(visits)
            with gr.Tab("Take it away"):
                taken = taking.draw(visits, repository)
    stale = [*tried.told, verdict, *taken]
    _connect_tune(visits, tuning, [summary, details, *stale])
    tuned = [tuning.state, tuning.curves]
    return Trying(part, summary, details, tried.text, tried.tries, tried.pictures, tried.texts, stale, tuned)


@dataclass
class Tries:
    """What a model is tried with; `told` is the picture, and what was said of it."""

    text: Any
    tries: Any
    pictures: Any
    texts: Any
    told: list[Any]


def _draw_try(visits: Visits[Lesson]) -> Tries:
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280):
            with gr.Column() as pictures:
                picture = by_path(
                    gr.Image(
                        label="A new picture",
                        type="filepath",
                        sources=["upload", "webcam", "clipboard"],
                        height=300,
                        buttons=[],
                        elem_id="try-picture",
                    )
                )
                tries = gr.Gallery(
                    label="Held back: click one",
                    elem_classes=["tl-shots"],
                    height=180,
                    allow_preview=False,
                    interactive=False,
                    visible=False,
                    object_fit="cover",
                    buttons=[],
                    elem_id="tries",
                )
            with gr.Column(visible=False) as texts:
                text = gr.Textbox(label="A new text", lines=4, elem_id="try-text")
                ask = gr.Button("What is it?", elem_id="ask")
        with gr.Column(min_width=280):
            answer = gr.HTML(elem_id="answer", padding=False)
            why = gr.Button("Why?", elem_id="why", interactive=False)
            heat = gr.Image(
                label="Where the evidence lies",
                visible=False,
                interactive=False,
                buttons=[],
                elem_id="heat",
                height=300,
            )
            words = gr.HTML(visible=False, elem_id="words")
    hide = {"show_progress": "hidden", "api_visibility": "private"}
    told = [answer, why, heat, words]
    direct = {**hide, "queue": False}
    picture.change(visits.bound(spoken(_answered)), [picture], told, **direct)
    gr.on([ask.click, text.submit], visits.bound(spoken(_answered)), [text], told, **direct)
    tries.select(_chosen, None, picture, **hide)
    why.click(visits.bound(spoken(_explained)), [picture, text], [heat, words], api_visibility="private")
    return Tries(text, tries, pictures, texts, [picture, *told])


def _chosen(event: gr.SelectData) -> str:
    return str(event.value["image"]["path"])


def _answered(lesson: Lesson, item: str | None) -> tuple[Any, ...]:
    gone = gr.update(**GONE)
    if not item or not str(item).strip():
        return "", gr.update(interactive=False), gone, gone
    assert lesson.run is not None  # noqa: S101 - says what to do where nothing was trained
    predictor = lesson.predictor
    assert predictor is not None  # noqa: S101
    about = predictor.describe()
    (found,) = predictor.predict([Path(item) if about.modality == "image" else item])
    return html.answer(found, about), gr.update(interactive=found.said.error is None), gone, gone


def _explained(lesson: Lesson, picture: str | None, text: str) -> tuple[Any, Any]:
    predictor = lesson.predictor
    assert lesson.run is not None  # noqa: S101 - as above
    assert predictor is not None  # noqa: S101
    if predictor.describe().modality == "text":
        return gr.skip(), gr.update(value=html.words(predictor.explain(text)), visible=True)
    reason = predictor.explain(Path(str(picture)))
    return gr.update(
        value=reason.picture, label=f"Where the evidence for '{reason.label}' lies", visible=True
    ), gr.skip()


@dataclass
class Tuning:
    """What the network itself is tuned with."""

    epochs: Any
    begin: Any
    stop: Any
    back: Any
    state: Any
    curves: Any


def _draw_tune() -> Tuning:
    gr.Markdown(
        "The network itself learns too: slower, and often better with a hundred examples or more of unusual pictures."
    )
    epochs = gr.Slider(2, 60, EPOCHS, step=1, label="Passes over your examples", buttons=[])
    with gr.Row():
        begin = gr.Button("Fine-tune", elem_id="tune", min_width=120)
        stop = gr.Button("Stop", elem_id="stop-tune", interactive=False, min_width=120)
        back = gr.Button("Back to the model before", elem_id="undo", min_width=160)
    state = gr.HTML(elem_id="tune-state", padding=False)
    return Tuning(epochs, begin, stop, back, state, gr.HTML(elem_id="curves", padding=False))


def _connect_tune(visits: Visits[Lesson], parts: Tuning, shown: list[Any]) -> None:
    """Lets the buttons do their work; `shown` is what another model changes: summary, details, what is stale."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    outputs = [parts.begin, parts.stop, parts.state, parts.curves, *shown]
    parts.begin.click(visits.bound(_tuned), [parts.epochs], outputs, **quiet)
    parts.back.click(visits.bound(spoken(_undone)), None, [parts.state, *shown], **quiet)
    parts.stop.click(visits.bound(Lesson.halt), None, None, **quiet)


def _undone(lesson: Lesson) -> tuple[Any, ...]:
    lesson.undo()
    told = html.note("You try the model before fine-tuning again.")
    return told, results.summary(lesson.run), results.details(lesson.run), *emptied()


def _tuned(lesson: Lesson, epochs: int) -> Iterator[tuple[Any, ...]]:
    same, going, over = (gr.skip(),) * (2 + len(EMPTIED)), _buttons(True), _buttons(False)
    try:
        work, log = lesson.fine_tune(int(epochs))
        for share, what in work.follow():
            yield *going, html.work(share, what), results.curves(journal(log)), *same
    except Cancelled:
        yield *over, html.note("Stopped. The model from before is still there."), gr.skip(), *same
    except Exception as error:
        unexpected(error)
        yield *over, html.note(sentence(error), "bad"), gr.skip(), *same
    else:
        shown = (
            results.summary(lesson.run, lesson.first, work.seconds),
            results.details(lesson.run),
            *emptied(),
        )
        yield *over, html.note("Fine-tuned. You try the new model now."), results.curves(journal(log)), *shown


def _buttons(busy: bool) -> tuple[Any, Any]:
    return gr.update(interactive=not busy), gr.update(interactive=busy)

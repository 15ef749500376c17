"""The third step of the page: try the model, see why it says so, and what else can be done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from ..common import html
from ..common.errors import sentence, spoken, unexpected
from ..common.session import Visits
from ..common.work import Cancelled
from . import helped, results
from .lesson import Lesson, journal

EPOCHS = 12


@dataclass
class Trying:
    """What is shown once there is a model.

    Attributes:
        part: All of it.
        summary: How good the model is.
        details: Confusion and classes.
        picture: A picture to try.
        text: A text to try.
        tries: Held-back pictures to click.
        pictures: What stands around pictures.
        texts: What stands around texts.
    """

    part: Any
    summary: Any
    details: Any
    picture: Any
    text: Any
    tries: Any
    pictures: Any
    texts: Any


def draw(visits: Visits[Lesson], repository: Path | None) -> Trying:
    """Draws the step; call it inside of the page.

    Args:
        visits: The visitors' lessons.
        repository: Folder of models that a server looks at; None where nothing is deployed.
    """
    with gr.Column(visible=False, elem_id="result") as part:
        gr.HTML('<div class="tl-step"><h2>3. Try it</h2></div>', padding=False)
        summary = gr.HTML(elem_id="summary", padding=False)
        with gr.Tabs():
            with gr.Tab("Try it"):
                parts = _draw_try(visits)
            with gr.Tab("How good is it?"):
                details = gr.HTML(elem_id="details", padding=False)
            with gr.Tab("Fine-tune"):
                _draw_tune(visits, summary, details)
            with gr.Tab("Did transfer help?"):
                helped.draw(visits)
            with gr.Tab("Take it away"):
                _draw_take(visits, repository)
    return Trying(part, summary, details, *parts)


def _draw_try(visits: Visits[Lesson]) -> tuple[Any, ...]:
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280):
            with gr.Column() as pictures:
                picture = gr.Image(
                    label="A new picture",
                    type="filepath",
                    image_mode=None,  # the file as it is: in another mode it would be written anew, with losses
                    sources=["upload", "webcam", "clipboard"],
                    height=300,
                    buttons=[],
                    elem_id="try-picture",
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
    return picture, text, tries, pictures, texts


def _chosen(event: gr.SelectData) -> str:
    return str(event.value["image"]["path"])


def _answered(lesson: Lesson, item: str | None) -> tuple[Any, ...]:
    gone = gr.update(value=None, visible=False)
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


def _draw_tune(visits: Visits[Lesson], summary: Any, details: Any) -> None:
    gr.Markdown(
        "The network itself learns too: slower, and often better with a hundred examples or more of unusual pictures."
    )
    epochs = gr.Slider(2, 60, EPOCHS, step=1, label="Passes over your examples")
    with gr.Row():
        begin = gr.Button("Fine-tune", elem_id="tune", min_width=120)
        stop = gr.Button("Stop", elem_id="stop-tune", interactive=False, min_width=120)
        back = gr.Button("Back to the model before", elem_id="undo", min_width=160)
    state = gr.HTML(elem_id="tune-state", padding=False)
    curves = gr.HTML(elem_id="curves", padding=False)
    outputs = [begin, stop, state, curves, summary, details]
    begin.click(visits.bound(_tuned), [epochs], outputs, show_progress="hidden", api_visibility="private")
    back.click(
        visits.bound(spoken(_undone)),
        None,
        [state, summary, details],
        show_progress="hidden",
        api_visibility="private",
    )
    stop.click(visits.bound(halt), None, None, show_progress="hidden", api_visibility="private")


def _undone(lesson: Lesson) -> tuple[str, str, str]:
    lesson.undo()
    told = html.note("You try the model before fine-tuning again.")
    return told, results.summary(lesson.run), results.details(lesson.run)


def halt(lesson: Lesson) -> None:
    """Stops what a visitor has going on."""
    if lesson.work is not None:
        lesson.work.cancel()


def _tuned(lesson: Lesson, epochs: int) -> Iterator[tuple[Any, ...]]:
    same, going, over = gr.skip(), _buttons(True), _buttons(False)
    try:
        work, log = lesson.fine_tune(int(epochs))
        for share, what in work.follow():
            yield *going, html.work(share, what), results.curves(journal(log)), same, same
    except Cancelled:
        yield *over, html.note("Stopped. The model from before is still there."), same, same, same
    except Exception as error:
        unexpected(error)
        yield *over, html.note(sentence(error), "bad"), same, same, same
    else:
        shown = results.summary(lesson.run, lesson.first, work.seconds), results.details(lesson.run)
        yield *over, html.note("Fine-tuned. You try the new model now."), results.curves(journal(log)), *shown


def _buttons(busy: bool) -> tuple[Any, Any]:
    return gr.update(interactive=not busy), gr.update(interactive=busy)


def _draw_take(visits: Visits[Lesson], repository: Path | None) -> None:
    gr.Markdown("Each file is checked against the model before it is given out.")
    with gr.Row():
        kinds = {
            "report": gr.Button("Report (HTML)", min_width=140, elem_id="take-report"),
            "litert": gr.Button("For phones (LiteRT)", min_width=140, elem_id="take-litert"),
            "savedmodel": gr.Button("For servers (SavedModel)", min_width=140, elem_id="take-savedmodel"),
        }
    state = gr.HTML(elem_id="take-state", padding=False)
    file = gr.File(label="Ready", visible=False, interactive=False, elem_id="taken")
    for what, button in kinds.items():
        button.click(
            visits.bound(_taker(what)), None, [state, file], show_progress="hidden", api_visibility="private"
        )
    if repository is None:
        return
    with gr.Row(elem_classes=["tl-controls"]):
        name = gr.Textbox(
            label="Name of the model on the server", value="taught", max_lines=1, elem_id="deploy-name"
        )
        deploy = gr.Button("Deploy to the server", elem_id="deploy", min_width=140)

    def deployed(lesson: Lesson, name: str) -> Iterator[Any]:
        yield from _told(
            lambda: lesson.deploy(repository, name.strip()),
            lambda done: html.note(f"Version {done.version} of '{done.model}' is where the server looks."),
        )

    deploy.click(visits.bound(deployed), [name], state, show_progress="hidden", api_visibility="private")


def _taker(what: str) -> Any:
    def take(lesson: Lesson) -> Iterator[tuple[Any, Any]]:
        ready: list[Path] = []

        def done(path: Path) -> str:
            ready.append(path)
            return html.note(f"{path.name} is ready: {path.stat().st_size / 1e6:.1f} MB.")

        for words in _told(lambda: lesson.make(what), done):
            yield words, gr.update(value=str(ready[0]), visible=True) if ready else gr.update(visible=False)

    return take


def _told(begin: Any, done: Any) -> Iterator[str]:
    """Yields how far work is, then what came of it, or what went wrong."""
    try:
        work = begin()
        for share, what in work.follow():
            yield html.work(share, what)
        yield done(work.result)
    except Cancelled:
        yield html.note("Stopped.")
    except Exception as error:
        unexpected(error)
        yield html.note(sentence(error), "bad")

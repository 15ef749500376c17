"""Take a model away: its report, its files, or onto a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ..common import html
from ..common.errors import sentence, unexpected
from ..common.session import Visits
from ..common.work import Cancelled
from .lesson import Lesson


def draw(visits: Visits[Lesson], repository: Path | None) -> list[Any]:
    """Draws what is taken away; call it inside of a tab. Returns where it stands how far that is, and the file.

    Args:
        visits: The visitors' lessons.
        repository: Folder of models that a server looks at; None where nothing is deployed.
    """
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
    if repository is not None:
        _deploying(visits, repository, state)
    return [state, file]


def _deploying(visits: Visits[Lesson], repository: Path, state: Any) -> None:
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

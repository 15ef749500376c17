"""Did transfer help? The page asks for a verdict, and shows it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from ..common import html
from ..common.errors import sentence, unexpected
from ..common.session import Visits
from ..common.work import Cancelled
from .lesson import Lesson

MINUTES = 3
NAMES = {
    "run": "your model",
    "scratch": "the same network, nothing learned before",
    "probe": "a probe on frozen features",
    "majority": "always the commonest class",
}


def draw(visits: Visits[Lesson]) -> None:
    """Draws what asks for a verdict; call it inside of a tab."""
    gr.Markdown(
        "What the network learned elsewhere may help here, or hurt. The same network learns your examples from "
        "nothing, several times, for as long as you allow; then both answer the same held-back examples."
    )
    with gr.Row(elem_classes=["tl-controls"]):
        minutes = gr.Slider(1, 60, MINUTES, step=1, label="Minutes it may take", elem_id="verdict-minutes")
        ask = gr.Button("Did transfer help?", elem_id="verdict", min_width=160)
        stop = gr.Button("Stop", elem_id="stop-verdict", interactive=False, min_width=100)
    state = gr.HTML(elem_id="verdict-state", padding=False)
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    ask.click(visits.bound(_asked), [minutes], [ask, stop, state], **quiet)
    stop.click(visits.bound(_halted), None, None, **quiet)


def _halted(lesson: Lesson) -> None:
    if lesson.work is not None:
        lesson.work.cancel()


def _asked(lesson: Lesson, minutes: float) -> Iterator[tuple[Any, Any, str]]:
    free, busy = ((gr.update(interactive=not going), gr.update(interactive=going)) for going in (False, True))
    try:
        work = lesson.verdict(60.0 * minutes)
        for share, what in work.follow():
            yield *busy, html.work(share, what)
        yield *free, told(work.result)
    except Cancelled:
        yield *free, html.note("Stopped. Asked again, it goes on where it was.")
    except Exception as error:
        unexpected(error)
        yield *free, html.note(sentence(error), "bad")


def told(verdict: Any) -> str:
    """Returns a verdict as a sentence, a table and what to keep in mind.

    Args:
        verdict: What `tlzoo.verdict` returned.
    """
    rows = [
        [NAMES.get(row.name, row.name), f"{100 * row.value:.0f} %", str(row.seeds), _gain(row.gain)]
        for row in verdict.rows
    ]
    header = ["who", "right", "times", "points over scratch"]
    first = html.note(verdict.sentence, "warn" if verdict.word == "negative" else "")
    advice = [f"{one.name}: {one.why}" for one in verdict.advice]
    return first + html.table(header, rows, "Held-back examples") + _list([*verdict.cautions, *advice])


def _gain(gain: Any) -> str:
    if gain is None:
        return "–"
    return f"{100 * gain.estimate:+.0f} ({100 * gain.low:.0f} to {100 * gain.high:.0f})"


def _list(sentences: list[str]) -> str:
    lines = "".join(f"<li>{escape(one)}</li>" for one in sentences)
    return f"<ul>{lines}</ul>" if lines else ""

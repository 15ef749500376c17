"""Search by example: a query, what is most like it, and on from there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from tlzoo.errors import UsageError
from tlzoo.registry import app_card

from ..common import html
from ..common.errors import sentence, spoken
from ..common.fields import by_path
from ..common.page import page
from ..common.picks import picked, picks
from .library import Library, close_all
from .library import opened as open_source
from .results import examples, heading, hits

__all__ = ["build", "end", "open_source"]

LOOK_EVERY = 0.5
"""Seconds between two looks at how far the index is."""
end = close_all


def build(library: Library) -> gr.Blocks:
    """Returns the page.

    Args:
        library: What is looked through.
    """
    with page(app_card("search")) as blocks:
        making = _making(library)
        asked = gr.State(None)
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                query = _query(library.texts)
                find = gr.Button("Search", variant="primary", elem_id="main")
                count = gr.Slider(4, 48, value=12, step=4, label="Results")
                begin = picks(_begin(library), elem_id="tl-begin", elem_classes=["tl-examples"])
            with gr.Column(scale=5, min_width=320):
                head = gr.HTML(elem_id="tl-asked", padding=False)
                found = picks(_hint(library), elem_id="tl-found")

        def ask(given: Any, n: float) -> tuple[Any, str, str]:
            wanted = _given(library.texts, given)
            return wanted, *_answer(library, wanted, n)

        def again(wanted: Any, n: float) -> tuple[str, str]:
            return ("", _hint(library)) if wanted is None else _answer(library, wanted, n)

        def more(n: float, event: gr.EventData) -> tuple[Any, str, str]:
            return int(picked(event)), *_answer(library, int(picked(event)), n)

        find.click(spoken(ask), [query, count], [asked, head, found], concurrency_limit=4)
        if library.texts:
            query.submit(spoken(ask), [query, count], [asked, head, found], concurrency_limit=4)
        count.release(spoken(again), [asked, count], [head, found], show_progress="hidden")
        for piece in (begin, found):
            piece.select(spoken(more), count, [asked, head, found], show_progress="hidden")
        _watch(blocks, library, making, begin)
    return blocks


@dataclass(frozen=True)
class Making:
    """What tells of the index while it is made, and stops it.

    Attributes:
        state: How far it is, or what it holds.
        row: Around the buttons, which nobody needs once it is ready.
        go: The button that goes on after a stop.
        halt: The one that stops.
    """

    state: gr.HTML
    row: gr.Row
    go: gr.Button
    halt: gr.Button


def _making(library: Library) -> Making:
    state = gr.HTML(_state(library), elem_id="tl-state", padding=False)
    with gr.Row(visible=False) as row:
        go = gr.Button("Index", interactive=False, min_width=140, elem_id="tl-index")
        halt = gr.Button("Stop", min_width=140, elem_id="tl-stop")
    return Making(state, row, go, halt)


def _watch(blocks: gr.Blocks, library: Library, making: Making, begin: gr.HTML) -> None:
    """Tells how far the index is until it is ready, also where another visitor stops it or goes on."""
    timer = gr.Timer(LOOK_EVERY)

    def look() -> list[Any]:
        # Asked first, so that what is said last was said of a ready index.
        ready, over = library.ready, library.over
        return [
            _state(library),
            gr.Row(visible=not ready),
            gr.Button(interactive=over),
            gr.Button(interactive=not over and not library.stopping),
            _begin(library),
            gr.Timer(active=not ready),
        ]

    def go_on() -> list[Any]:
        library.begin()
        return look()

    def stop() -> list[Any]:
        library.stop()
        return look()

    seen = [making.state, making.row, making.go, making.halt, begin, timer]
    for event, handler in (
        (blocks.load, look),
        (timer.tick, look),
        (making.go.click, go_on),
        (making.halt.click, stop),
    ):
        event(spoken(handler), None, seen, queue=False, show_progress="hidden")


def _query(texts: bool) -> Any:
    if texts:
        return gr.Textbox(label="Your text", lines=5, max_lines=14, placeholder="Write or paste a text.")
    sources: Any = ["upload", "clipboard", "webcam"]
    return by_path(
        gr.Image(type="filepath", label="Your picture", sources=sources, height=260, elem_id="tl-picture")
    )


def _given(texts: bool, given: Any) -> Any:
    if not given:
        what = "Write a text" if texts else "Drop a picture"
        raise UsageError("there is nothing to search for.", do=f"{what} first, or click an example.")
    return given if texts else Path(given)


def _answer(library: Library, wanted: Any, n: float) -> tuple[str, str]:
    return heading(library, wanted), hits(library, library.ask(wanted, int(n)))


def _begin(library: Library) -> str:
    return examples(library) if library.ready else ""


def _hint(library: Library) -> str:
    what = "Write a text" if library.texts else "Drop a picture"
    return f'<p class="tl-none">{what}, or click an example: what is most like it appears here.</p>'


def _state(library: Library) -> str:
    """Returns what is looked through, how far it is, or why it is not ready."""
    share, what = library.progress
    if library.stopped:
        far = f" ({what})" if share else ""
        return html.note(
            f"Indexing was stopped{far}. What was computed is kept: press Index, and it goes on.", "warn"
        )
    if library.error is not None:
        return html.note(sentence(library.error), "bad")
    if not library.over:
        return html.work(share, f"Stopping. {what}" if library.stopping else what)
    index = library.index
    kind = "texts" if library.texts else "pictures"
    left_out = len(index) - len(index.rows) + len(index.dataset.skipped)
    missing = f" {left_out:,} could not be read." if left_out else ""
    return html.note(
        f"{len(index.rows):,} {kind} of {index.dataset.name}, by the features of {index.encoder.title}.{missing}"
    )

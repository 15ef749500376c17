"""Teach a model in the browser: show examples, press Train, try it, take it away."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from tlzoo.registry import app_card

from ..common import html
from ..common.errors import sentence, unexpected
from ..common.page import page
from ..common.session import Visits
from ..common.work import Cancelled
from . import inputs as first_step
from . import results, samples, trying
from .lesson import Lesson
from .warm import Shelf, choices, title, usual

SHELF = Shelf()
"""Loaded backbones of this process; empty until a page is opened."""

VISITS = Visits(partial(Lesson, SHELF))
"""Lessons of the pages that are open."""


def open_source(source: Any) -> Path | None:
    """Returns the folder of models that a server looks at, if one was named."""
    folder: Path | None = source.folder
    return folder


def build(predictor: Any = None) -> gr.Blocks:
    """Returns the page.

    Args:
        predictor: Folder of models that a server looks at, to deploy to; None without.
    """
    offered = samples.offered()
    with page(app_card("teach")) as blocks:
        blocks.unload(VISITS.leave)
        given = first_step.draw(offered)
        gr.HTML('<div class="tl-step"><h2>2. Train</h2></div>', padding=False)
        with gr.Row(elem_classes=["tl-controls"]):
            backbone = gr.Dropdown(
                _names("image"),
                value=usual("image"),
                label="Network",
                elem_id="backbone",
                scale=2,
                min_width=240,
                # Whoever is quicker than the list that follows the open tab must not be refused: see `fitting`.
                allow_custom_value=True,
            )
            rank = gr.Button("Rank networks", elem_id="rank", min_width=160)
            train = gr.Button("Train", variant="primary", elem_id="main", min_width=160)
            stop = gr.Button("Stop", elem_id="stop", interactive=False, min_width=100)
        state = gr.HTML(elem_id="state", padding=False)
        tried = trying.draw(VISITS, predictor)
        _connect(given, (backbone, rank, train, stop, state), tried)
        first_step.connect_examples(given, offered, VISITS, tried.tries, tried.text)
        # The page is there; what it needs next is loaded while the visitor chooses pictures.
        blocks.load(SHELF.warm, None, None, show_progress="hidden", api_visibility="private")
    return blocks


def end() -> None:
    """Ends what is going on for visitors, and what is loading."""
    VISITS.close()
    SHELF.end()


def _connect(given: first_step.Inputs, controls: tuple[Any, ...], tried: trying.Trying) -> None:
    backbone, rank, train, stop, state = controls
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    shown = [
        tried.part,
        tried.pictures,
        tried.texts,
        tried.summary,
        tried.details,
        *tried.stale,
        *tried.tuned,
    ]
    train.click(VISITS.bound(_trained), [backbone, *given.all], [train, rank, stop, state, *shown], **quiet)
    rank.click(VISITS.bound(_ranked), given.all, [train, rank, stop, state, backbone], **quiet)
    stop.click(VISITS.bound(Lesson.halt), None, None, **quiet)
    given.kind.change(_networks, [given.kind, backbone], backbone, **quiet)


def _names(modality: str) -> list[tuple[str, str]]:
    return [(title(name), name) for name in choices(modality)]


def _networks(kind: str, chosen: str) -> Any:
    """Offers the networks of what the open tab teaches with; a file may hold either."""
    both = {"pictures": ("image",), "texts": ("text",), "file": ("image", "text")}[kind]
    offered = [pair for modality in both for pair in _names(modality)]
    kept = chosen if chosen in [name for _, name in offered] else usual(both[0])
    return gr.update(choices=offered, value=kept)


def _busy(busy: bool) -> tuple[Any, ...]:
    free = gr.update(interactive=not busy)
    return free, free, gr.update(interactive=busy)


def _trained(lesson: Lesson, backbone: str, *given: Any) -> Iterator[tuple[Any, ...]]:
    same = (gr.skip(),) * (5 + len(trying.EMPTIED) + 2)
    try:
        before = lesson.predictor
        work = lesson.train(first_step.gatherer(given), backbone)
        shown = False
        for share, what in work.follow():
            if lesson.predictor is before:
                yield *_busy(True), html.work(share, what), *same
            elif not shown:
                shown = True
                yield *_busy(True), html.note("Ready to try. The report is being written."), *_result(lesson)
        yield (
            *_busy(False),
            html.note(f"Done in {work.seconds:.1f} s, report and all."),
            *(same if shown else _result(lesson)),
        )
    except Cancelled:
        yield *_busy(False), html.note("Stopped."), *same
    except Exception as error:
        unexpected(error)
        yield *_busy(False), html.note(sentence(error), "bad"), *same


def _result(lesson: Lesson) -> tuple[Any, ...]:
    run = lesson.run
    text = run.folder.card.modality == "text"
    seen = gr.update(visible=True), gr.update(visible=not text), gr.update(visible=text)
    return *seen, results.summary(run), results.details(run), *trying.emptied(), "", ""


def _ranked(lesson: Lesson, *given: Any) -> Iterator[tuple[Any, ...]]:
    try:
        work = lesson.rank(first_step.gatherer(given))
        for share, what in work.follow():
            yield *_busy(True), html.work(share, what), gr.skip()
        found = work.result
        told = results.ranking(found, {name: title(name) for name in [*choices("image"), *choices("text")]})
        yield *_busy(False), told, gr.update(value=found.best)
    except Cancelled:
        yield *_busy(False), html.note("Stopped."), gr.skip()
    except Exception as error:
        unexpected(error)
        yield *_busy(False), html.note(sentence(error), "bad"), gr.skip()

"""The part of a page that shows where in a picture the evidence lies: on request, or at once where that is quick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tlzoo.cards.app import AppCard

from . import held
from .errors import spoken
from .fitting import described
from .predictor import AppPredictor
from .why import asking, followed, place, stop

WINNER = "the answer"
"""In the list of classes: whichever wins."""
QUIET: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 4}
"""How events run that tell themselves how far they are."""


@dataclass(frozen=True)
class Evidence:
    """The components.

    Attributes:
        label: The class to look for.
        where: The button that asks.
        halt: The one that stops.
        why: The map.
        work: What runs, of one visitor.
    """

    label: gr.Dropdown
    where: gr.Button
    halt: gr.Button
    why: gr.HTML
    work: gr.State


def evidence(predictor: AppPredictor) -> Evidence:
    """Makes the components."""
    with gr.Row(visible=predictor.explains):
        label = gr.Dropdown(
            [WINNER], value=WINNER, label="Evidence for", scale=2, min_width=140, elem_id="tl-label"
        )
        where = gr.Button("Show where", min_width=140, elem_id="tl-where")
        halt = gr.Button("Stop", interactive=False, min_width=80, elem_id="tl-stop")
    return Evidence(label, where, halt, gr.HTML(elem_id="tl-why", padding=False), held.state())


def choices(names: Sequence[str], chosen: str) -> Any:
    """Returns what becomes of the list of classes.

    Args:
        names: All classes.
        chosen: What is chosen now; stays if it is one of them.
    """
    listed = [WINNER, *names]
    return gr.update(choices=listed, value=chosen if chosen in listed else WINNER)


def wire(
    parts: Evidence, card: AppCard, predictor: AppPredictor, item: Callable[..., Any], inputs: Sequence[Any]
) -> Callable[[Any], None]:
    """Lets the buttons do their work; returns what shows the map at once after an event, where that is quick.

    Args:
        parts: The components.
        card: Of the app.
        predictor: The model.
        item: From the values of `inputs` to the picture; raises where there is none.
        inputs: Components.
    """

    def explain(label: str, *given: Any) -> Iterator[list[Any]]:
        described(card, predictor)
        asked = asking(predictor, item(*given), None if label == WINNER else label)
        said = ""
        for said in followed(asked):
            yield [said, asked, gr.update(interactive=True)]
        yield [place(asked.result) if asked.result else said, None, gr.update(interactive=False)]

    def after(event: Any) -> None:
        if predictor.quick:
            event.success(spoken(explain), [parts.label, *inputs], outputs, **QUIET)

    outputs = [parts.why, parts.work, parts.halt]
    parts.where.click(spoken(explain), [parts.label, *inputs], outputs, **QUIET)
    parts.halt.click(stop, [parts.work], None, queue=False, show_progress="hidden")
    return after

"""The frame of every page: head, the state of the model, its card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from tlzoo.cards.app import AppCard
from tlzoo.errors import TlzooError

from . import html
from .fitting import refuse_others
from .predictor import AppPredictor
from .values import About

LOOK_EVERY = 3.0
"""Seconds between two looks at a server."""
KEEP_UPLOADS = (600, 3600)
"""Gradio looks for old uploads every so many seconds, and deletes those older than so many."""


@contextmanager
def page(
    card: AppCard, predictor: AppPredictor | None = None, *, opened: bool = False
) -> Iterator[gr.Blocks]:
    """Gives the page of an app to be filled: title above; below, whether the model answers, and the card at the end.

    Args:
        card: Of the app.
        predictor: The model; None where the app has none of its own.
        opened: Whether the card is unfolded.

    Raises:
        UsageError: The model is known not to be one that the app is for.
    """
    if predictor is not None:
        refuse_others(card, predictor)
    with gr.Blocks(
        title=f"{card.title} · tlzoo", analytics_enabled=False, delete_cache=KEEP_UPLOADS
    ) as blocks:
        gr.HTML(html.head(card), padding=False)
        state = gr.HTML(elem_id="tl-condition", padding=False, visible=predictor is not None)
        yield blocks
        told = gr.HTML(html.card(card, _known(predictor), opened=opened), elem_id="tl-card", padding=False)
        if predictor is not None:

            def look() -> tuple[str, str]:
                found = predictor.ready()
                return html.condition(found), html.card(
                    card, _known(predictor) if found.ok else None, opened=opened
                )

            blocks.load(look, None, [state, told], show_progress="hidden")
            timer = gr.Timer(LOOK_EVERY)
            timer.tick(lambda: html.condition(predictor.ready()), None, state, show_progress="hidden")


def tabs(**options: Any) -> gr.Tabs:
    """Returns tabs that stand in two rows where one is too narrow, on a phone: none hides behind a menu.

    Args:
        options: Of `gr.Tabs`.
    """
    return gr.Tabs(overflow_behavior="wrap", **options)


def _known(predictor: AppPredictor | None) -> About | None:
    try:
        return None if predictor is None else predictor.describe()
    except TlzooError:
        return None

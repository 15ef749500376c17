"""Asks a model why, while the page tells how far that is; whoever asked may stop it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from . import html
from .predictor import AppPredictor
from .values import Reason
from .work import Cancelled, Work

STOPPED = "Stopped."


def followed(work: Work) -> Iterator[str]:
    """Yields how far work is, and that it was stopped if it was; ends it where the visitor is gone.

    Args:
        work: Just started.

    Raises:
        Exception: Whatever it raised.
    """
    try:
        for share, what in work.follow():
            yield html.work(share, what)
    except Cancelled:
        yield html.note(STOPPED)
    finally:
        work.cancel()


def asking(predictor: AppPredictor, item: Any, label: str | None = None) -> Work:
    """Starts asking why; `result` is a `Reason` in the end, or stays None."""
    return Work(lambda tell: predictor.explain(item, label, tell))


def stop(work: Work | None) -> None:
    """Ends what a visitor has started, where the button says so."""
    if work is not None:
        work.cancel()


def words(reason: Reason) -> str:
    """Returns a text with its coloured words, and a table of those that pushed most."""
    ranked = sorted(reason.words, key=lambda pair: -abs(pair[1]))
    rows = [[text.strip(), f"{push:+.2f}"] for text, push in ranked[:8] if push and text.strip()]
    return (
        f'<div class="tl-why"><h3>Words that speak for “{escape(reason.label)}”</h3>{html.words(reason)}'
        '<p class="tl-legend"><span class="tl-for">speaks for it</span> <span class="tl-against">speaks against it'
        f"</span> <span>found out so: {escape(reason.method)}</span></p>"
        + (
            html.table(["word", "push"], rows, "Words that pushed most")
            if rows
            else html.note("No word matters.")
        )
        + "</div>"
    )


def place(reason: Reason) -> str:
    """Returns a picture under its heat map."""
    if reason.picture is None:
        return html.note("There is no map of this.", "warn")
    shown = html.picture(reason.picture, f"heat map: where the evidence for {reason.label} lies")
    return (
        f'<div class="tl-why"><h3>Where the evidence for “{escape(reason.label)}” lies</h3>{shown}'
        f'<p class="tl-legend"><span>warm colours matter most; found out so: {escape(reason.method)}</span></p></div>'
    )

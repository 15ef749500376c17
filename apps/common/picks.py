"""Pieces of HTML in which something can be picked: by a click, a tap, or Enter where the keyboard is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from . import html

# One listener for the piece, whatever it shows by now. Buttons turn Enter into clicks by themselves; shapes do not.
_LISTEN = """
const picked = event => event.target.closest('[data-pick]');
element.addEventListener('click', event => {
  const place = picked(event);
  if (place) trigger('select', {pick: place.dataset.pick});
});
element.addEventListener('keydown', event => {
  const place = picked(event);
  if (!place || place.tagName === 'BUTTON' || (event.key !== 'Enter' && event.key !== ' ')) return;
  event.preventDefault();
  trigger('select', {pick: place.dataset.pick});
});
"""


def picks(value: str = "", **options: Any) -> gr.HTML:
    """Returns HTML whose elements with `data-pick` raise `select` when picked.

    Args:
        value: The HTML.
        options: Of `gr.HTML`.

    Example:
        >>> table.select(spoken(show), None, card)  # doctest: +SKIP
    """
    return gr.HTML(value, js_on_load=_LISTEN, padding=False, **options)


def picked(event: gr.EventData) -> str:
    """Returns the `data-pick` of what was picked."""
    return str(event._data["pick"])


def button(pick: str, text: str) -> str:
    """Returns a button that looks like a link.

    Args:
        pick: What picking it gives.
        text: What it says.
    """
    return f'<button type="button" class="tl-pick" data-pick="{escape(pick)}">{escape(text)}</button>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    """Returns a table whose first cells are buttons that pick them.

    Args:
        header: Column titles.
        rows: Cells.
        label: What it is, for those who cannot see it.
    """
    return html.table(header, rows, label, lambda name: button(name, name))

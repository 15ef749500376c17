"""Results as pieces of a page; each is a button that goes on from there."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from .library import Library

MOST_TEXT = 320
"""Characters of a text that are shown."""
FEW = 90
"""Characters of an example."""


def hits(library: Library, found: Sequence[Any]) -> str:
    """Returns what was found, the most alike first."""
    if not found:
        return '<p class="tl-none">There is nothing else to compare with.</p>'
    cards = "".join(_hit(library, hit) for hit in found)
    return f'<div class="tl-hits{" tl-long" if library.texts else ""}" role="list">{cards}</div>'


def _hit(library: Library, hit: Any) -> str:
    near = '<span class="tl-badge tl-near">nearly the same</span>' if hit.near else ""
    label = f'<span class="tl-badge">{escape(hit.label)}</span>' if hit.label else ""
    share = 100 * max(hit.similarity, 0.0)
    said = f"{hit.key}, similarity {hit.similarity:.2f}{', nearly the same' if hit.near else ''}"
    return (
        f'<div role="listitem"><button type="button" class="tl-hit" data-pick="{hit.row}" title="{escape(hit.key)}" '
        f'aria-label="More like {escape(said)}">{_look(library, hit.row, MOST_TEXT)}'
        f'<span class="tl-sim"><span class="tl-track" aria-hidden="true"><span class="tl-fill" '
        f'style="width:{share:.0f}%"></span></span><b>{hit.similarity:.2f}</b></span>'
        f'<span class="tl-name">{escape(hit.key)}</span><span class="tl-badges">{label}{near}</span></button></div>'
    )


def _look(library: Library, row: int, most: int) -> str:
    """Returns the picture of a row, or its text."""
    if library.texts:
        return f'<span class="tl-text">{escape(cut(library.index.dataset.items[row], most))}</span>'
    address = library.small(row)
    key = escape(library.index.dataset.keys[row])
    return f'<img src="{address}" alt="{key}">' if address else '<span class="tl-text">no picture</span>'


def cut(text: str, most: int) -> str:
    """Returns the beginning of a text on one line.

    Args:
        text: The text.
        most: Characters.
    """
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def examples(library: Library) -> str:
    """Returns items to begin with."""
    parts = [
        f'<button type="button" class="tl-example" data-pick="{row}" '
        f'aria-label="Begin with {escape(library.index.dataset.keys[row])}">{_look(library, row, FEW)}</button>'
        for row in library.examples()
    ]
    return (
        f'<p class="tl-caption">Or begin with one of these:</p><div class="tl-begin">{"".join(parts)}</div>'
    )


def heading(library: Library, query: Any) -> str:
    """Returns what the results are like: a row of the index, or what somebody brought."""
    if isinstance(query, int):
        key = escape(library.index.dataset.keys[query])
        return f'<div class="tl-query"><h2>More like {key}</h2>{_look(library, query, MOST_TEXT)}</div>'
    return f'<div class="tl-query"><h2>Most like your {"text" if library.texts else "picture"}</h2></div>'

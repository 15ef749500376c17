"""Pieces of pages that several apps show; every word that comes from outside is escaped."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

from tlzoo.cards.app import AppCard

from .values import About, Answer, Condition, Reason

_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "ece": "calibration error",
    "mean_average_precision": "mean average precision",
    "subset_accuracy": "all labels right",
    "rmse": "RMSE",
    "mae": "mean error",
    "r2": "R²",
    "spearman": "rank correlation",
}
_PLAIN = {"rmse", "mae", "r2", "spearman", "macro_f1", "micro_f1"}


def head(card: AppCard) -> str:
    """Returns the top of a page: its title and what it does."""
    return f'<header class="tl-head"><h1>{escape(card.title)}</h1><p>{escape(card.summary)}</p></header>'


def card(card: AppCard, about: About | None = None, *, opened: bool = False) -> str:
    """Returns the card of an app and of the model it asks: data, licence, measured accuracy, limits.

    Args:
        card: Of the app.
        about: Of the model; None where there is none, or its server does not answer.
        opened: Whether it is unfolded.
    """
    rows = [("Examples", card.data), ("Their licence", card.licence)]
    if about is not None:
        told = "; ".join(score(name, value) for name, value in about.scores.items())
        rows = [
            ("Model", about.title),
            ("Answers from", about.where),
            ("Network", about.backbone),
            ("Licence of its weights", about.licence),
            ("Trained on", about.trained_on),
            ("Measured on held-out data", told or "nothing is known"),
            ("Classes", ", ".join(about.class_names[:30])),
            *rows,
        ]
    limits = "".join(f"<li>{escape(one)}</li>" for one in (*card.limits, *(about.limits if about else ())))
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows if value)
    what = "this app and its model" if about else "this app"
    return (
        f'<details class="tl-card"{" open" if opened else ""}><summary>About {what}</summary>'
        f"<dl>{listed}<dt>Limits</dt><dd><ul>{limits}</ul></dd></dl></details>"
    )


def score(name: str, value: float) -> str:
    """Returns a score in words: `accuracy 87.0 %`."""
    return f"{_NAMES.get(name, name)} " + (f"{value:.3g}" if name in _PLAIN else f"{100 * value:.1f} %")


def condition(state: Condition) -> str:
    """Returns whether the model can be asked; nothing where all is well."""
    return "" if state.ok else note(state.words, "bad")


def note(words: str, kind: str = "") -> str:
    """Returns a sentence that stands out.

    Args:
        words: The sentence.
        kind: Empty, `warn` or `bad`.
    """
    role = "alert" if kind == "bad" else "status"
    return f'<p class="tl-note{" tl-" + kind if kind else ""}" role="{role}">{escape(words)}</p>'


def answer(found: Answer, about: About, most: int = 6) -> str:
    """Returns what a model says of one item: label, bars, prediction set, and a warning where the item is foreign.

    Where nobody can tell whether it is, that is said.

    Args:
        found: The answer.
        about: The model.
        most: Bars that are shown.
    """
    said = found.said
    if said.error is not None:
        return note(f"This one could not be read: {said.error}", "bad")
    if said.value is not None:
        spread = (
            f" (between {said.low:.4g} and {said.high:.4g}, nine times in ten)"
            if said.low is not None
            else ""
        )
        return f'<div class="tl-answer"><div class="tl-said">{said.value:.4g}</div>{escape(spread)}</div>'
    title = said.label if said.labels is None else ", ".join(said.labels) or "none of them"
    parts = [f'<div class="tl-said">{escape(str(title))}</div>', bars(said.probabilities, most)]
    if found.foreign:
        parts.append(
            note("This is unlike anything the model was trained on. Do not rely on the answer.", "warn")
        )
    elif found.foreign is None and about.unwarned:
        parts.append(note(about.unwarned))
    if found.likely is not None and about.coverage is not None:
        sets = " · ".join(found.likely) or "none: it is unlike the examples"
        if len(found.likely) == len(about.class_names) > 2:
            sets = "every class, with as few examples as there were"
        parts.append(note(f"Cannot be ruled out ({100 * about.coverage:.0f} % sure): {sets}."))
    return f'<div class="tl-answer">{"".join(parts)}</div>'


def bars(shares: dict[str, float], most: int = 6) -> str:
    """Returns probabilities as bars, the likeliest first."""
    ranked = sorted(shares.items(), key=lambda pair: -pair[1])[:most]
    return "".join(
        f'<div class="tl-bar"><span>{escape(name)}</span><span class="tl-track" aria-hidden="true">'
        f'<span class="tl-fill" style="width:{100 * share:.1f}%"></span></span><span>{100 * share:.1f} %</span></div>'
        for name, share in ranked
    )


def words(reason: Reason) -> str:
    """Returns a text whose words are coloured by how they pushed: teal towards the class, amber away from it."""
    marked = "".join(
        f'<mark style="background:rgba({"13,148,136" if push > 0 else "217,119,6"},{abs(push) * 0.55:.2f})" '
        f'title="{push:+.2f}">{escape(text)}</mark>'
        for text, push in reason.words
    )
    return f'<div class="tl-words">{marked}</div>'


def picture(pixels: np.ndarray, words: str) -> str:
    """Returns a picture that is part of the page itself: nothing of it is stored anywhere.

    Args:
        pixels: Uint8 (h, w, 3) or (h, w).
        words: What it shows, for those who cannot see it.
    """
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img class="tl-picture" src="data:image/png;base64,{data}" alt="{escape(words)}">'


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    label: str,
    first: Callable[[str], str] = escape,
) -> str:
    """Returns a table that scrolls sideways where it is wider than the page.

    Args:
        header: Column titles.
        rows: Cells.
        label: What it is, for those who cannot see it.
        first: Makes HTML of the first cell of a row.
    """
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in [first(row[0]), *map(escape, row[1:])]) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="tl-scroll" tabindex="0" role="region" aria-label="{escape(label)}"><table class="tl-table">'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


SORTS = """
element.addEventListener('click', (event) => {
  const row = event.target.closest('[data-row]');
  if (row) { trigger('select', {row: Number(row.dataset.row)}); return; }
  const button = event.target.closest('th button');
  if (!button) return;
  const title = button.closest('th'), down = title.getAttribute('aria-sort') === 'ascending';
  const at = [...title.parentNode.children].indexOf(title), body = title.closest('table').tBodies[0];
  const number = (cell) => 'v' in cell.dataset ? Number(cell.dataset.v) : NaN;
  const order = (a, b) => {
    const x = number(a.children[at]), y = number(b.children[at]);
    if (!isNaN(x) && !isNaN(y)) return x - y;
    return isNaN(x) - isNaN(y) || a.children[at].textContent.localeCompare(b.children[at].textContent);
  };
  const rows = [...body.rows].sort(order);
  body.append(...(down ? rows.reverse() : rows));
  for (const each of title.parentNode.children) each.setAttribute('aria-sort', 'none');
  title.setAttribute('aria-sort', down ? 'descending' : 'ascending');
});
"""
"""What makes a `gr.HTML` around a `sortable` table sort, and tell which row is opened."""


def sortable(
    header: Sequence[str], rows: Sequence[Sequence[object]], label: str, *, opens: bool = False
) -> str:
    """Returns a table whose columns sort where their names are clicked, inside a `gr.HTML` with `SORTS`.

    Args:
        header: Column titles.
        rows: Cells; numbers sort as numbers, and are probabilities (0..1).
        label: What it is, for those who cannot see it.
        opens: Whether the first cell of a row is a button that opens it: the event `select`, with `row`, its number.
    """
    top = "".join(
        f'<th scope="col" aria-sort="none"><button type="button">{escape(cell)}</button></th>'
        for cell in header
    )
    body = "".join(
        f"<tr>{_first(row[0], at, opens)}{''.join(map(_cell, row[1:]))}</tr>" for at, row in enumerate(rows)
    )
    return (
        f'<div class="tl-scroll tl-tall" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="tl-table tl-sorts"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _first(cell: object, at: int, opens: bool) -> str:
    words = escape(str(cell))
    return (
        f'<td><button type="button" data-row="{at}">{words}</button></td>' if opens else f"<td>{words}</td>"
    )


def _cell(cell: object) -> str:
    if isinstance(cell, float):
        return f'<td data-v="{cell:.6f}">{100 * cell:.1f} %</td>'
    return f"<td>{escape('' if cell is None else str(cell))}</td>"


def work(share: float | None, what: str) -> str:
    """Returns how far long work is.

    Args:
        share: 0..1; None if unknown.
        what: What is being done.
    """
    value = "" if share is None else f' value="{share:.3f}"'
    return (
        f'<div class="tl-work" role="status"><span>{escape(what)}</span>'
        f'<progress max="1"{value} aria-label="{escape(what)}"></progress></div>'
    )

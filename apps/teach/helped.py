"""Did transfer help? The page asks for a verdict, and shows it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from ..common import charts, html
from ..common.errors import sentence, unexpected
from ..common.session import Visits
from ..common.work import Cancelled
from .lesson import Lesson

MINUTES = 5
"""Minutes offered: on two cores enough for several trainings from scratch of the usual network."""
NAMES = {
    "run": "your model",
    "scratch": "the same network from scratch",
    "probe": "a probe on frozen features",
    "majority": "always the commonest class",
}
WORDS = {
    "positive": "Positive transfer: it helped",
    "neutral": "Neutral: no clear difference",
    "negative": "Negative transfer: it hurt",
}


def draw(visits: Visits[Lesson]) -> gr.HTML:
    """Draws what asks for a verdict; call it inside of a tab. Returns where the verdict stands."""
    gr.Markdown(
        "What the network learned elsewhere may help here, or hurt. The same network learns your examples from "
        "nothing, several times, for as long as you allow; then both answer the same held-back examples."
    )
    with gr.Row(elem_classes=["tl-controls"]):
        minutes = gr.Slider(
            1, 60, MINUTES, step=1, label="Minutes it may take", buttons=[], elem_id="verdict-minutes"
        )
        ask = gr.Button("Did transfer help?", elem_id="verdict", min_width=160)
        stop = gr.Button("Stop", elem_id="stop-verdict", interactive=False, min_width=100)
    state = gr.HTML(elem_id="verdict-state", padding=False)
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    ask.click(visits.bound(_asked), [minutes], [ask, stop, state], **quiet)
    stop.click(visits.bound(Lesson.halt), None, None, **quiet)
    return state


def _asked(lesson: Lesson, minutes: float) -> Iterator[tuple[Any, Any, str]]:
    free, busy = ((gr.update(interactive=not going), gr.update(interactive=going)) for going in (False, True))
    try:
        work, begun = lesson.verdict(60.0 * minutes), time.monotonic()
        for _, what in work.follow():
            spent = (time.monotonic() - begun) / 60
            words = f"{spent:.1f} of {minutes:.0f} minutes at most. {_named(what)}"
            yield *busy, html.work(min(1.0, spent / minutes), words)
        yield *free, told(work.result)
    except Cancelled:
        yield *free, html.note("Stopped. Asked again, it goes on where it was.")
    except Exception as error:
        unexpected(error)
        yield *free, html.note(sentence(error), "bad")


def _named(what: str) -> str:
    """Returns what begins with a learner's name in words of the page."""
    name = next((name for name in NAMES if what.startswith((f"{name},", f"{name} "))), "")
    return NAMES[name] + what.removeprefix(name) if name else what


def told(verdict: Any) -> str:
    """Returns a verdict: the word and its interval, charts, a table, and what to keep in mind.

    Args:
        verdict: What `tlzoo.verdict` returned.
    """
    rows = [
        [
            NAMES.get(row.name, row.name),
            f"{100 * row.value:.0f} %",
            str(row.seeds),
            _gain(_possible(row.gain)),
        ]
        for row in verdict.rows
    ]
    table = html.table(["who", "right", "trainings", "points over scratch"], rows, "Held-back examples")
    return f'<div class="tl-verdict">{_word(verdict)}{_charts(verdict)}{table}{_notes(verdict)}</div>'


def _word(verdict: Any) -> str:
    """Returns the word, and what it stands on."""
    gain = _possible(verdict.gain)
    if gain is None:
        title = "Not known yet"
        words = (
            "There was time for fewer than two trainings of each, which say nothing. Allow more minutes, and ask "
            "again: it goes on."
        )
    else:
        title = WORDS[verdict.word]
        mine, theirs = (verdict.row(name).seeds for name in ("run", "scratch"))
        times = f"{mine} trainings each" if mine == theirs else f"{mine} and {theirs} trainings"
        words = (
            f"Your model against the same network from scratch: {_points(gain.estimate)} points of accuracy, between "
            f"{_points(gain.low)} and {_points(gain.high)} ({100 * gain.level:.0f} % sure). Both were judged on "
            f"{verdict.tested:,} held-back examples, after {times}."
        )
    kind = "neutral" if gain is None else verdict.word
    return f'<div class="tl-word tl-{kind}" role="status"><strong>{escape(title)}</strong><p>{escape(words)}</p></div>'


def _charts(verdict: Any) -> str:
    """Returns the gains on their intervals, and accuracy over the number of examples."""
    gains = [
        (NAMES.get(row.name, row.name), gain, _points(gain.estimate))
        for row in verdict.rows
        if (gain := _possible(row.gain)) is not None
    ]
    drawn = ""
    if gains:
        words = "Points over scratch, which is the line; the bars hold 95 of 100"
        drawn += f'<figure class="tl-chart"><figcaption>{words}</figcaption>{charts.spans(gains, zero=True)}</figure>'
    if len(verdict.curve) > 1:
        series = {
            NAMES["run"]: [(point.examples, 100 * point.run) for point in verdict.curve],
            NAMES["scratch"]: [(point.examples, 100 * point.scratch) for point in verdict.curve],
        }
        drawn += charts.lines(series, "Right, in %, by how many examples were learned from", "examples")
    return f'<div class="tl-charts">{drawn}</div>' if drawn else ""


def _notes(verdict: Any) -> str:
    """Returns what to keep in mind, and what to try."""
    kept = list(verdict.cautions)
    if verdict.missing:
        kept.append(f"There was no time for {'; '.join(map(_named, verdict.missing))}.")
    if len(verdict.curve) > 1 and verdict.catch_up.kind != "untold":
        kept.append(verdict.catch_up_words)
    # Lines to type mean nothing in a page.
    tries = [f"{one.name}: {one.why.partition('; `')[0]}" for one in verdict.advice]
    return _list("Keep in mind", kept) + _list("Worth trying", tries)


def _possible(gain: Any) -> Any:
    """Returns a gain whose ends are differences that accuracies can have: two trainings alone give wider ones."""
    return None if gain is None else replace(gain, low=max(gain.low, -1.0), high=min(gain.high, 1.0))


def _gain(gain: Any) -> str:
    if gain is None:
        return "–"
    return f"{_points(gain.estimate)} ({_points(gain.low)} to {_points(gain.high)})"


def _points(share: float) -> str:
    return f"{100 * share:+.0f}".replace("-", "−")


def _list(title: str, sentences: list[str]) -> str:
    lines = "".join(f"<li>{escape(one)}</li>" for one in sentences)
    return f"<div><h3>{escape(title)}</h3><ul>{lines}</ul></div>" if lines else ""

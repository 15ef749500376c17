"""Which words pushed a text towards the class that won: leave each out and see how far that class falls.

Occlusion asks nothing of a network but its answers, so it serves transformers, word vectors and networks that take
strings alike; and what it says is true of the network as it is, unlike a gradient, which says what an endless small
change would do.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Support = Callable[[Sequence[tuple[int, str]]], npt.NDArray[np.floating[Any]]]
"""From pairs (number of a text, a variant of it) to the log-odds (n,) of the class that won that text."""

MOST_SPANS = 60
"""Most spans of a text."""
FEWEST_SPANS = 8
"""Fewest spans of a text that has as many words, however long it is."""
FAINT = 0.05
"""Share of the strongest push below which a span is not marked."""
WEAKEST = 0.1
"""Log-odds that are marked in full at least: where no word matters, none shall look as if it did."""

METHOD = "occlusion, the fall of that class's log-odds when a word (in long texts, a few words) is left out"
"""What reports say about the numbers."""

_RUN = re.compile(r"(?:\A\s+)?\S+\s*|\A\s+\Z")
_ALONE = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no space between words: Thai, Lao, Tibetan, Burmese, Khmer, Japanese, Chinese."""
_STOPS = "。、，．！？；：」』）】》"
"""Punctuation of those scripts, which no space follows either."""


@dataclasses.dataclass(frozen=True)
class Push:
    """A stretch of a text and what it did.

    Attributes:
        text: As it stands in the text, with the space behind it.
        weight: -1..1, for colours: above 0 it pushed towards the class that won, below 0 away from it.
        score: By how much the log-odds of that class fall without it.
    """

    text: str
    weight: float
    score: float


def pieces(text: str) -> list[str]:
    """Cuts a text into words, each with the space behind it; together they are the text.

    Scripts that put no space between words are cut at each letter.

    Example:
        >>> pieces("It works,  mostly. 很好!")
        ['It ', 'works,  ', 'mostly. ', '很', '好!']
    """
    found: list[str] = []
    for run in _RUN.findall(text):
        cuts = [0, *(at for at in range(1, len(run)) if _cut(run[at - 1], run[at])), len(run)]
        found += [run[start:end] for start, end in pairwise(cuts)]
    return found


def _cut(before: str, letter: str) -> bool:
    """True if a word may end between two characters that no space divides."""
    if before.isspace():
        return False  # space before the first word of a text
    if _ALONE.match(letter):
        return not unicodedata.category(letter).startswith("M")
    return letter.isalnum() and bool(_ALONE.match(before) or before in _STOPS)


def log_odds(
    logits: npt.NDArray[np.floating[Any]], classes: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float64]:
    """Returns the log-odds (n,) of one class a row against all others.

    Args:
        logits: (n, c), c of 2 or more.
        classes: (n,) in 0..c-1.

    Example:
        >>> log_odds(np.log([[0.2, 0.8]]), np.array([1])).round(4).tolist() == [round(np.log(4), 4)]
        True
    """
    rows = np.arange(len(logits))
    others = logits.astype(np.float64)
    chosen = others[rows, classes].copy()
    others[rows, classes] = -np.inf
    highest = others.max(axis=1, keepdims=True)
    return np.asarray(chosen - highest[:, 0] - np.log(np.exp(others - highest).sum(axis=1)))


def allotment(words: Sequence[int], costs: Sequence[int], budget: int) -> list[int]:
    """Returns how many variants of each text are tried, so that all together cost no more than `budget`.

    What short texts leave of their share goes to longer ones. `FEWEST_SPANS` are tried even beyond the budget.

    Args:
        words: Of each text.
        costs: Of one variant of each text, such as its tokens.
        budget: For all variants of all texts.

    Example:
        >>> allotment([3, 100, 100], [4, 100, 100], 5000)
        [3, 24, 25]
    """
    allowed = [0] * len(words)
    order = sorted(range(len(words)), key=lambda i: (words[i] * costs[i], i))
    for done, i in enumerate(order):
        share = budget // (len(order) - done) // max(costs[i], 1)
        allowed[i] = min(words[i], max(share, FEWEST_SPANS), MOST_SPANS)
        budget = max(budget - allowed[i] * costs[i], 0)
    return allowed


def explain(texts: Sequence[str], allowed: Sequence[int], support: Support, shown: int) -> list[list[Push]]:
    """Returns what each stretch of each text did.

    Where not every word can be left out by itself, half of what is allowed goes to spans of equal length, and the
    other half to the words of those that did most.

    Args:
        texts: As the network sees them.
        allowed: Variants of each text that may be tried.
        support: Says how strongly texts are held for the class that won.
        shown: Characters of each text that are looked at; together its pushes are `text[:shown]`.
    """
    whole = support(list(enumerate(texts)))
    marked = [
        _Marked.of(text, most, shown, float(base))
        for text, most, base in zip(texts, allowed, whole, strict=True)
    ]
    _measure(marked, support)
    for each, most in zip(marked, allowed, strict=True):
        each.open_strongest(most - len(each.spans))
    _measure(marked, support)
    return [each.pushes() for each in marked]


@dataclasses.dataclass
class _Marked:
    """A text while it is looked at: its spans (words side by side), and the score of each that is known."""

    spans: list[list[str]]
    scores: list[float | None]
    rest: str
    base: float

    @classmethod
    def of(cls, text: str, most: int, shown: int, base: float) -> _Marked:
        words = pieces(text[:shown])
        spans = _equal(words, most if len(words) <= most else max(most // 2, 1))
        return cls(spans, [None] * len(spans), text[shown:], base)

    def without(self, at: int) -> str:
        kept = ("".join(span) for number, span in enumerate(self.spans) if number != at)
        return "".join(kept) + self.rest

    def open_strongest(self, room: int) -> None:
        order = sorted(range(len(self.spans)), key=lambda at: (-abs(self.scores[at] or 0.0), at))
        parts: dict[int, list[list[str]]] = {}
        for at in order:
            if room >= 2 and len(self.spans[at]) > 1:
                parts[at] = _equal(self.spans[at], room)
                room -= len(parts[at])
        spans, scores = self.spans, self.scores
        self.spans, self.scores = [], []
        for at, (span, score) in enumerate(zip(spans, scores, strict=True)):
            self.spans += parts.get(at, [span])
            self.scores += [None] * len(parts[at]) if at in parts else [score]

    def pushes(self) -> list[Push]:
        scores = [round(score or 0.0, 4) for score in self.scores]
        # A span of many words takes much room: its colour is fainter, so that it does not drown single words.
        strengths = [score / len(span) ** 0.5 for score, span in zip(scores, self.spans, strict=True)]
        strongest = max([WEAKEST, *map(abs, strengths)])
        weights = [round(strength / strongest, 3) for strength in strengths]
        return [
            Push("".join(span), weight if abs(weight) >= FAINT else 0.0, score)
            for span, weight, score in zip(self.spans, weights, scores, strict=True)
        ]


def _equal(words: Sequence[str], most: int) -> list[list[str]]:
    """Returns `most` spans of equally many words, or each word alone if there are no more."""
    count = min(most, len(words))
    ends = [number * len(words) // count for number in range(count + 1)] if count else []
    return [list(words[start:end]) for start, end in pairwise(ends)]


def _measure(marked: Sequence[_Marked], support: Support) -> None:
    """Fills in the scores that are not known, all in one pass."""
    missing = [
        (number, at) for number, each in enumerate(marked) for at, score in enumerate(each.scores) if score is None
    ]  # fmt: skip
    if not missing:
        return
    found = support([(number, marked[number].without(at)) for number, at in missing])
    for (number, at), value in zip(missing, found, strict=True):
        marked[number].scores[at] = marked[number].base - float(value)

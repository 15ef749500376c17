"""Finds the fields of a text protocol buffer by position, so that one of them can be replaced where it stands.

Only brackets, strings and comments are understood: what a field means is protobuf's business, and every text that comes
here has been parsed by protobuf before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]* | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [{}<>\[\]:;,] | [^\s{}<>\[\]:;,\#"']+ | .""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"{": "}", "<": ">", "[": "]"}


@dataclass(frozen=True)
class Field:
    """One field of a text.

    Attributes:
        name: As it is written.
        start: Where the name begins.
        end: Where the value and the separators behind it end.
        messages: Positions of the (opening, closing) bracket of each message in the value.
    """

    name: str
    start: int
    end: int
    messages: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Token:
    text: str
    start: int
    end: int


def fields(text: str, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """Yields the fields between two positions, without looking into messages.

    Args:
        text: A text that protobuf parses.
        start: Where to begin: 0, or just behind the opening bracket of a message.
        end: Where to stop: the end, or the closing bracket of that message.

    Example:
        >>> [field.name for field in fields('name: "a"  policy { latest { } }')]
        ['name', 'policy']
    """
    tokens = _tokens(text, start, len(text) if end is None else end)
    at = 0
    while at < len(tokens):
        first = tokens[at]
        value = _behind_name(tokens, at)
        behind = _behind_value(tokens, value)
        at = behind
        while at < len(tokens) and tokens[at].text in ",;":
            at += 1
        yield Field(first.text, first.start, tokens[at - 1].end, tuple(_messages(tokens[value:behind])))


def comments(text: str, start: int, end: int) -> list[str]:
    """Returns the comments between two positions, each from its `#` to the end of the line."""
    found = (match[0] for match in _TOKEN.finditer(text, start, end))
    return [token for token in found if token.startswith("#")]


def _tokens(text: str, start: int, end: int) -> list[_Token]:
    found = (_Token(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text, start, end))
    return [token for token in found if not token.text.isspace() and token.text[0] != "#"]


def _behind_name(tokens: list[_Token], at: int) -> int:
    at = _matching(tokens, at) + 1 if tokens[at].text == "[" else at + 1
    return at + 1 if tokens[at].text == ":" else at


def _behind_value(tokens: list[_Token], at: int) -> int:
    if tokens[at].text in _CLOSING:
        return _matching(tokens, at) + 1
    quoted = tokens[at].text[0] in "\"'"
    at += 1
    # Strings that stand side by side are one.
    while quoted and at < len(tokens) and tokens[at].text[0] in "\"'":
        at += 1
    return at


def _messages(value: list[_Token]) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(value):
        if value[at].text in ("{", "<"):
            close = _matching(value, at)
            yield value[at].start, value[close].start
            at = close
        at += 1


def _matching(tokens: list[_Token], at: int) -> int:
    """Returns where the bracket at `at` closes."""
    awaited = [_CLOSING[tokens[at].text]]
    while awaited:
        at += 1
        if tokens[at].text == awaited[-1]:
            awaited.pop()
        elif tokens[at].text in _CLOSING:
            awaited.append(_CLOSING[tokens[at].text])
    return at

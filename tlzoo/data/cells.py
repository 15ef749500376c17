"""What one cell of a table may say: a label, a split, a group, a text."""

from __future__ import annotations

import html
import unicodedata
from typing import Any

from tlzoo.errors import DataError

MOST_CHARACTERS = 2**20
"""Longest text that is taken, in characters: longer ones are whole books, or a quote that was never closed."""


def missing(value: Any) -> bool:
    """Tells if a cell is empty as tables say it: None, NaN, or pandas' NA."""
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN differs from itself
    except (TypeError, ValueError):  # NA is neither true nor false; an array is many things
        return type(value).__name__ == "NAType"


def plain(value: Any) -> str:
    """Returns a cell as a word, without spaces around it; empty where it is missing.

    Example:
        >>> plain(3.0), plain(None), plain(" x ")
        ('3', '', 'x')
    """
    if missing(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # pandas turns whole numbers to floats where a cell is missing
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def label(value: Any, where: str, need: str = "a text and a label in every row.") -> str:
    """Returns a label, in Unicode's composed form (NFC), so that two ways to write `é` are one class.

    Args:
        value: A word, a whole number …
        where: What errors call the row.
        need: What errors say is allowed.

    Raises:
        DataError: There is none, or it is a list or an object.
    """
    if isinstance(value, (list, dict, tuple)):
        raise DataError(f"{where}: the label is a {type(value).__name__}.", allowed="one word or number.")
    word = unicodedata.normalize("NFC", plain(value))
    if not word:
        raise DataError(f"{where}: no label.", allowed=need, do="Fill it in.")
    return encodable(word, where, "label")


def split_word(word: str, where: str) -> str | None:
    """Returns the split that a cell names; None for an empty one.

    Raises:
        DataError: Nobody calls a split that.
    """
    if not word:
        return None
    from tlzoo.data.splits import WORDS  # texts alone need none of what it imports

    if word.lower() not in WORDS:
        raise DataError(
            f"{where}: split '{word}'.",
            allowed=f"{', '.join(WORDS)}, or nothing.",
            do="Correct it, or name another column as the split.",
        )
    return WORDS[word.lower()]


def text(value: Any, where: str, *, unescape: bool = False) -> str:
    """Returns a text as it is, spaces, control characters and all; empty where it is missing.

    Args:
        value: A string, UTF-8 bytes, or a number.
        where: What errors call the row.
        unescape: Whether HTML's `&amp;`, `&#039;` … become what they stand for.

    Raises:
        DataError: It is something else, longer than `MOST_CHARACTERS`, or holds half a character.
    """
    if isinstance(value, str):
        found = str(value)  # NumPy has strings of its own
    elif isinstance(value, bytes):
        found = _decoded(value, where)
    elif missing(value):
        return ""
    elif isinstance(value, (bool, list, dict, tuple)) or not hasattr(value, "__int__"):
        raise DataError(f"{where}: a {type(value).__name__} where the text should be.", allowed="a string.")
    else:
        found = plain(value)
    refuse_long(len(found), where)
    return encodable(html.unescape(found) if unescape else found, where, "text")


def refuse_long(characters: int, where: str) -> None:
    """Raises `DataError` for a text of more than `MOST_CHARACTERS`."""
    if characters > MOST_CHARACTERS:
        raise DataError(
            f"{where}: a text of {characters:,} characters.",
            allowed=f"at most {MOST_CHARACTERS:,}.",
            do="Cut it into chapters, or look for a quote that was never closed.",
        )


def encodable(word: str, where: str, what: str) -> str:
    """Returns the word, unless it holds half a surrogate pair, which no file and no tensor of strings can hold."""
    if word.isascii():
        return word
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where}: the {what} holds half a character (U+{ord(word[error.start]):04X}, a lone surrogate) at "
            f"position {error.start:,}.",
            allowed="Unicode that UTF-8 can hold.",
            do="Write the whole character, or remove it: text.encode('utf-8', 'ignore').decode().",
        ) from error
    return word


def _decoded(value: bytes, where: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: bytes that are not UTF-8.", allowed="strings, or UTF-8.", do="Decode them first."
        ) from error

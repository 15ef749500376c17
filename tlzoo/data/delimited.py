"""CSV as it is written in the wild: quotes, newlines inside quotes, cells of any length; numbers every record.

Python's own reader refuses cells above 128 KiB unless a limit of the whole process is changed, says nothing about a
quote that is never closed, and knows lines where people count records. This one differs from it in nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tlzoo.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
"""What separates cells; the one that makes most of the first record is taken."""

_FILLED = re.compile(r"[^\r\n]")


def records(text: str, delimiter: str, where: str) -> Iterator[tuple[int, list[str]]]:
    r"""Yields the number and the cells of every record, blank ones included.

    Args:
        text: A whole file.
        delimiter: One character.
        where: What errors call the file.

    Raises:
        DataError: A quote is opened and never closed; names the record.

    Example:
        >>> list(records('a,b\r\n"1 ""x""\n",2', ",", "the table"))
        [(1, ['a', 'b']), (2, ['1 "x"\n', '2'])]
    """
    plain = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    at, number, end = 0, 0, len(text)
    while at < end:
        number, start = number + 1, at
        cells: list[str] = []
        more = True
        while more:
            if text.startswith('"', at):
                cell, at = _quoted(text, at + 1, f"{where}, row {number}")
            else:
                cell = ""
            found = plain.match(text, at)
            assert found is not None  # noqa: S101  (it matches nothing at least)
            at = found.end()
            cells.append(cell + found[0])
            more = text.startswith(delimiter, at)
            at += more
        blank = at == start
        at += 2 if text.startswith("\r\n", at) else 1
        yield number, [] if blank else cells


def choose_delimiter(text: str, suffix: str = ".csv") -> str:
    """Returns the delimiter that cuts the first record that is not blank into most cells.

    Args:
        text: A whole file.
        suffix: `.tsv` lets tabs win a tie.
    """
    first = _FILLED.search(text)
    start = first.start() if first else 0
    counts = {delimiter: _first_cells(text[start : start + 2**16], delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: (counts[delimiter], delimiter == "\t" and suffix == ".tsv"))


def _first_cells(text: str, delimiter: str) -> int:
    try:
        return len(next(records(text, delimiter, ""), (1, []))[1])
    except DataError:
        return 0


def _quoted(text: str, start: int, where: str) -> tuple[str, int]:
    """Returns what stands between quotes, doubled ones undone, and where the text goes on."""
    at = start
    while (at := text.find('"', at)) >= 0 and text.startswith('"', at + 1):
        at += 2
    if at < 0:
        shown = text[start : start + 40].partition("\n")[0].strip()
        raise DataError(
            f"{where}: a quote is opened before '{shown}' and never closed.",
            allowed='quotes in pairs; a quote inside a quoted cell is doubled ("").',
            do="Close it, or double the quotes inside the cell.",
        )
    return text[start:at].replace('""', '"'), at + 1

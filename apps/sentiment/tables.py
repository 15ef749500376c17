"""Tables of texts that people upload: which column holds the texts, and what is asked about it."""

from __future__ import annotations

from pathlib import Path

import tlzoo
from tlzoo.errors import DataError

from ..common.sheet import Sheet
from ..common.uploads import TABLES

MOST_ROWS = 50_000
"""Most rows of a table."""
USUAL = ("text", "review", "comment", "content", "sentence", "message", "body", "description")
"""What columns of texts are called, likeliest first."""


def columns_of(file: str) -> tuple[list[str], str | None]:
    """Returns the columns of a table, and the one that most likely holds the texts: by its name, else the longest.

    Raises:
        DataError: It is no table.
    """
    header, rows = _read(file)
    named = {name.lower(): name for name in header}
    known = next((named[word] for word in USUAL if word in named), None)
    lengths = [sum(len(str(row[at] or "")) for row in rows[:200]) for at in range(len(header))]
    return list(header), known or header[max(range(len(header)), key=lengths.__getitem__)]


def sheet_of(_: Path, file: str | None, column: str | None) -> Sheet:
    """Returns what a model is asked about a table.

    Raises:
        DataError: There is none, or it has no such column.
    """
    if not file:
        raise DataError(
            "there is no table.", allowed="a CSV, TSV, JSON lines or Parquet file.", do="Upload one."
        )
    header, rows = _read(file)
    if column not in header:
        raise DataError(
            "no column is chosen.", allowed=f"{', '.join(header[:20])}.", do="Choose that of the texts."
        )
    at = header.index(column)
    return Sheet(header, rows, ["" if row[at] is None else str(row[at]) for row in rows], (at,))


def _read(file: str) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    path = Path(file)
    if path.suffix.lower() not in TABLES:
        raise DataError(
            f"'{path.name}' is no table.",
            allowed=f"files that end in {', '.join(TABLES)}.",
            do="Save it as CSV.",
        )
    try:
        header, rows = tlzoo.read_table(path)
    except DataError as error:  # it names a folder that is nobody's business
        raise DataError(
            error.what.replace(str(path), path.name), allowed=error.allowed, do=error.do
        ) from error
    if len(set(header)) < len(header):
        raise DataError(f"'{path.name}' has two columns of one name.", do="Rename one of them.")
    if not rows or len(rows) > MOST_ROWS:
        raise DataError(
            f"'{path.name}' has {len(rows):,} rows.", allowed=f"1 to {MOST_ROWS:,}.", do="Split it."
        )
    return header, rows

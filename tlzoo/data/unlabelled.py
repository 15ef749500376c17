"""Texts of a table that nobody has labelled: what a trained model is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tlzoo.data import cells
from tlzoo.data.columns import Columns, find
from tlzoo.data.rows import read_rows
from tlzoo.data.texts import refuse_ragged
from tlzoo.errors import DataError

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".pq")
"""What the names of tables end in."""


def texts_of(
    path: Path, column: str | None = None, encoding: str | None = None
) -> Iterator[tuple[str, str | DataError]]:
    """Yields the key and the text of every row, as training reads and numbers them.

    Args:
        path: A table; CSV has a header.
        column: Of the texts; by default the usual one (`text`, `review` …), or the only one there is.
        encoding: Of the table; None detects it.

    Yields:
        `row:NUMBER` and the text as it stands there; or a `DataError`, of a row that is not whole.

    Raises:
        DataError: The table cannot be read, or has no such column.

    Example:
        >>> next(texts_of(Path("new.csv"), "review"))  # doctest: +SKIP
        ('row:2', 'Not bad at all.')
    """
    table = read_rows(path, encoding)
    header, rows = table.header, list(zip(table.numbers, table.rows, strict=True))
    if not header and rows:
        header, rows = tuple(str(cell).strip() for cell in rows[0][1]), rows[1:]
    at = _place(header, column, table.where)
    for number, row in rows:
        where = f"{table.source}, row {number}"
        try:
            refuse_ragged(row, header, where)
            yield f"row:{number}", cells.text(row[at], where)
        except DataError as error:
            yield f"row:{number}", error


def _place(header: tuple[str, ...], column: str | None, where: str) -> int:
    at = find(header, Columns(text=column), "text")
    if at is None and column is None and len(header) == 1:
        return 0
    if at is None:
        there = ", ".join(repr(name if len(name) <= 40 else f"{name[:40]}…") for name in header[:20])
        raise DataError(
            f"{where} has no column '{column or 'text'}'; it has {there}.",
            allowed="a table with a column of texts.",
            do=f"Name it: --text-column '{header[0][:40] if header else 'NAME'}'.",
        )
    return at

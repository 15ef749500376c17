"""Tables of any kind as numbered rows: CSV, TSV, JSON, JSON lines, Parquet, DataFrames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlzoo.data import objects
from tlzoo.data.cells import plain
from tlzoo.data.delimited import choose_delimiter, records
from tlzoo.data.encodings import decode
from tlzoo.errors import DataError

MOST_BYTES = 2 * 2**30
"""Largest table that is read into memory."""
_STRANGERS = {
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"\x1f\x8b": "compressed",
    b"%PDF": "a PDF file",
}
_PARQUET = {".parquet", ".pq"}


@dataclass(frozen=True)
class Table:
    """Rows as they stand, before anybody says what they mean.

    Attributes:
        name: Short name.
        source: Where it is, as errors call it.
        folder: What paths in it are relative to.
        header: Names of the columns, without spaces around them.
        rows: Cells of each row, in the order of the header; rows of CSV may be shorter or longer.
        numbers: Number of each row as errors and keys call it, from 1; a header line counts.
        encoding: What its text was in; None where there was nothing to decode.
    """

    name: str
    source: str
    folder: Path
    header: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    numbers: Sequence[int]
    encoding: str | None = None

    @property
    def where(self) -> str:
        """What errors call the table: a path in quotes."""
        return "the DataFrame" if self.source == "a DataFrame" else f"'{self.source}'"


def read_rows(path: Path, encoding: str | None = None) -> Table:
    """Reads a file of rows, told apart by its suffix; anything unknown is taken for CSV.

    Args:
        path: `.jsonl` or `.ndjson`, `.json`, `.parquet` or `.pq`, `.csv`, `.tsv` …
        encoding: Of its text; None detects it.

    Returns:
        At least one row, blank ones left out; without `header` where CSV has only one row (see `tables`).

    Raises:
        DataError: It cannot be read, is empty, too large, or not what its suffix says.
    """
    suffix = path.suffix.lower()
    _refuse_large(path)
    if suffix in _PARQUET:
        header, cells = objects.read_parquet(path)
        return _table(path, header, list(enumerate(cells, 1)))
    text, name = decode(_content(path), encoding, f"'{path}'")
    if not text.strip():
        raise DataError(f"'{path}' is empty.", allowed="a row for each item.", do="Fill it.")
    read = _READERS.get(suffix, _delimited)
    header, numbered = read(text, path)
    return _table(path, header, numbered, name)


def frame_rows(frame: Any) -> Table:
    """Returns the rows of a pandas (or like) DataFrame, numbered from 1.

    Args:
        frame: Has `.columns` and gives a column by `.iloc` or by `frame[name]`.
    """
    names = list(frame.columns)
    columns = [
        list(frame.iloc[:, at] if hasattr(frame, "iloc") else frame[name]) for at, name in enumerate(names)
    ]
    rows = list(zip(*columns, strict=True))
    header = tuple(str(name) for name in names)
    return Table("frame", "a DataFrame", Path.cwd(), header, rows, range(1, len(rows) + 1))


def _table(
    path: Path,
    header: Sequence[str],
    numbered: Sequence[tuple[int, Sequence[Any]]],
    encoding: str | None = None,
) -> Table:
    kept = [(number, row) for number, row in numbered if any(plain(cell) for cell in row)]
    names = tuple(name.strip() for name in header)
    rows, numbers = [row for _, row in kept], [number for number, _ in kept]
    return Table(path.stem, str(path), path.parent, names, rows, numbers, encoding)


def _refuse_large(path: Path) -> None:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise DataError(
            f"'{path}' has {size:,} bytes.",
            allowed=f"tables of at most {MOST_BYTES:,} bytes.",
            do="Split it, or take a sample.",
        )


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error}.", allowed="a CSV or TSV file.") from error
    for magic, what in _STRANGERS.items():
        if content.startswith(magic):
            raise DataError(
                f"'{path}' is {what}.",
                allowed="CSV, TSV, JSON lines, JSON and Parquet.",
                do="Unpack it, or save it as CSV.",
            )
    return content


def _delimited(text: str, path: Path) -> tuple[Sequence[str], list[tuple[int, Sequence[Any]]]]:
    """Returns no header: whether the first row is one is for `tables` to say."""
    delimiter = choose_delimiter(text, path.suffix.lower())
    return (), list(records(text, delimiter, f"'{path}'"))


def _json(text: str, path: Path) -> tuple[Sequence[str], list[tuple[int, Sequence[Any]]]]:
    return _columns(objects.read_json(text, f"'{path}'"))


def _lines(text: str, path: Path) -> tuple[Sequence[str], list[tuple[int, Sequence[Any]]]]:
    return _columns(objects.read_lines(text, f"'{path}'"))


def _columns(
    found: list[tuple[int, Mapping[str, Any]]],
) -> tuple[Sequence[str], list[tuple[int, Sequence[Any]]]]:
    header = list(dict.fromkeys(name for _, row in found for name in row))
    return header, [(number, [row.get(name) for name in header]) for number, row in found]


_READERS: dict[str, Callable[[str, Path], tuple[Sequence[str], list[tuple[int, Sequence[Any]]]]]] = {
    ".json": _json,
    ".jsonl": _lines,
    ".ndjson": _lines,
}

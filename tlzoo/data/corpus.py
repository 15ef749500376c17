"""Texts without labels, one after the other, for whoever only needs to read them: never all in memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from tlzoo.errors import DataError

FORMATS = (".txt", ".csv", ".jsonl")


def documents(path: Path, column: str = "text") -> Iterator[str]:
    """Reads texts in a fixed order.

    Args:
        path: `.txt` (a text a line), a folder of `.txt` (by name, those in folders below it too), `.csv` or `.jsonl`.
        column: Column or key of the text, for `.csv` and `.jsonl`.

    Raises:
        DataError: There is no such file, it is of another format, damaged, or has no such column; says where.

    Example:
        >>> sum(1 for _ in documents(Path("reviews.jsonl"), "review"))  # doctest: +SKIP
        12043
    """
    if path.is_dir():
        files = sorted(path.rglob("*.txt"))
        if not files:
            raise DataError(f"'{path}' holds no .txt file.", allowed="1 or more.", do="Name another folder.")
        return (text for file in files for text in _read(file, column))
    if not path.is_file() or path.suffix.lower() not in FORMATS:
        raise DataError(
            f"'{path}' is {'no corpus' if path.exists() else 'not there'}.",
            allowed=f"a file that ends in {', '.join(FORMATS)}, or a folder of .txt files.",
            do="Correct the path, or convert the file.",
        )
    return _read(path, column)


def _read(path: Path, column: str) -> Iterator[str]:
    reader = {".csv": _csv, ".jsonl": _jsonl}.get(path.suffix.lower(), _txt)
    try:
        yield from reader(path, column)
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{path}' is not UTF-8: {error.reason} (near byte {error.start} of a piece).",
            allowed="UTF-8.",
            do="Convert it: iconv -f latin1 -t utf8, for example.",
        ) from error


def _txt(path: Path, _: str) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        yield from (line for line in file if not line.isspace())


def _csv(path: Path, column: str) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        try:
            if column not in (rows.fieldnames or []):
                raise _no_column(path, 1, column, list(rows.fieldnames or []))
            yield from (text for row in rows if (text := row[column]))
        except csv.Error as error:
            raise _damaged(path, rows.line_num + 1, str(error)) from error


def _jsonl(path: Path, column: str) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _damaged(path, number, str(error)) from error
            if not isinstance(row, dict) or not isinstance(row.get(column), str):
                raise _no_column(path, number, column, list(row) if isinstance(row, dict) else [])
            yield row[column]


def _damaged(path: Path, line: int, why: str) -> DataError:
    return DataError(
        f"'{path}', line {line}: {why}.", allowed=f"a whole {path.suffix} file.", do="Mend the line."
    )


def _no_column(path: Path, line: int, column: str, found: list[str]) -> DataError:
    return DataError(
        f"'{path}', line {line}: there is no text in '{column}'.",
        allowed=f"a column of this file: {', '.join(map(str, found[:10])) or 'it has none'}.",
        do="Name the column of the texts: --text-column NAME.",
    )

"""JSON, JSON lines and Parquet as rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tlzoo.errors import DataError, UsageError

_SHAPES = 'a list of objects, [{"text": …, "label": …}, …], or one object a line (.jsonl).'


def read_lines(text: str, where: str) -> list[tuple[int, Mapping[str, Any]]]:
    """Returns the objects of JSON lines with the numbers of their lines, blank ones left out.

    Args:
        text: A whole file; lines end in a line feed, with or without a carriage return.
        where: What errors call it.

    Raises:
        DataError: A line is no object; names it.
    """
    found = []
    for number, line in enumerate(text.split("\n"), 1):  # other ends of lines may stand inside JSON's strings
        if line.strip():
            found.append((number, _object(_parse(line, f"{where}, row {number}"), f"{where}, row {number}")))
    return found


def read_json(text: str, where: str) -> list[tuple[int, Mapping[str, Any]]]:
    """Returns the objects of a JSON list, numbered from 1; a file of JSON lines is read as that.

    Raises:
        DataError: It is no JSON, or no list of objects; names the first row that is none.
    """
    if text.lstrip().startswith("{"):
        return read_lines(text, where)
    found = _parse(text, where)
    if not isinstance(found, list):
        raise DataError(f"{where} holds a {type(found).__name__}.", allowed=_SHAPES, do="Rewrite it.")
    return [(at, _object(value, f"{where}, row {at}")) for at, value in enumerate(found, 1)]


def read_parquet(path: Path) -> tuple[Sequence[str], list[Sequence[Any]]]:
    """Returns the names of a Parquet file's columns, and its rows.

    Raises:
        UsageError: pyarrow is missing.
        DataError: It is no Parquet file.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise UsageError(
            f"'{path}' is a Parquet file, and pyarrow is not installed.",
            allowed="Parquet with the package pyarrow; CSV, TSV and JSON without it.",
            do="pip install 'tlzoo[tables]'",
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
        columns = [column.to_pylist() for column in table.columns]
    except (OSError, arrow.ArrowException) as error:
        raise DataError(
            f"'{path}' cannot be read: {error}.", allowed="a whole Parquet file.", do="Write it again."
        ) from error
    return table.column_names, list(zip(*columns, strict=True))


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is no JSON: {error}.", allowed=_SHAPES, do="Correct it.") from error


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{where} is a {type(value).__name__}.", allowed=_SHAPES, do="Rewrite it.")
    return value

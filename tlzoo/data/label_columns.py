"""Several labels as columns of zeros and ones: one column of words is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tlzoo.data import cells
from tlzoo.data.reading import Reading
from tlzoo.data.rows import Table
from tlzoo.data.targets import BETWEEN, refuse_between
from tlzoo.errors import DataError

_YES = ("1", "true", "yes")
_NO = ("0", "false", "no")


def joined(table: Table, asked: Reading) -> tuple[Table, Reading]:
    """Returns the table with one column more, which holds the labels of each row, and that column asked for.

    Args:
        table: Has the columns `asked.label_columns`.
        asked: Names them.

    Raises:
        DataError: A column is missing, or a cell is neither 0 nor 1; the error names the row.
    """
    names = asked.label_columns or ()
    for name in names:
        refuse_between(name, table.where)
        if name not in table.header:
            there = ", ".join(map(repr, table.header[:20]))
            raise DataError(
                f"{table.where} has no column '{name}'; it has {there}.",
                allowed="columns that are there, in the spelling they have.",
                do="Correct label_columns.",
            )
    places = [table.header.index(name) for name in names]
    width = len(table.header)
    rows = [
        [*_filled(row, width), _labels(row, names, places, f"{table.source}, row {number}")]
        for number, row in zip(table.numbers, table.rows, strict=True)
    ]
    made = BETWEEN.join(names)
    columns = replace(asked.columns, label=made)
    kind = replace(asked, columns=columns, label_columns=None, label_separator=BETWEEN)
    return replace(table, header=(*table.header, made), rows=rows), kind


def _filled(row: Sequence[Any], width: int) -> list[Any]:
    return [*row[:width], *[""] * (width - len(row))]


def _labels(row: Sequence[Any], names: Sequence[str], places: Sequence[int], where: str) -> str:
    found = []
    for name, place in zip(names, places, strict=True):
        word = cells.plain(row[place]).lower() if place < len(row) else ""
        if word not in _YES + _NO:
            raise DataError(
                f"{where}: '{word[:40]}' in the column '{name}'.",
                allowed=f"{', '.join(_YES)} where the label is right, {', '.join(_NO)} where it is not.",
                do="Correct the cell.",
            )
        if word in _YES:
            found.append(name)
    return BETWEEN.join(found)

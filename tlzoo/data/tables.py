"""Tables, and DataFrames: one row per image, or per text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tlzoo.data import cells
from tlzoo.data.columns import USUAL, Columns, find, pick
from tlzoo.data.label_columns import joined
from tlzoo.data.listing import Listing
from tlzoo.data.reading import Modality, Reading
from tlzoo.data.rows import Table, frame_rows, read_rows
from tlzoo.data.texts import list_texts, note_encodings
from tlzoo.errors import DataError, UsageError

__all__ = ["Columns", "read_frame", "read_table"]

_LOOKED_AT = 20
"""Rows whose files are looked for where a table could be one of images or of texts."""


def read_table(path: Path, reading: Reading | Columns | None = None) -> Listing:
    """Lists the images or the texts of a CSV, TSV, JSON, JSON lines or Parquet file.

    Any encoding (detected unless named); CSV with commas, semicolons, tabs or bars; a CSV file of images without
    header is read as path, label[, split[, group]].

    Args:
        path: The table; image paths in it are relative to its folder.
        reading: What was asked for, or only the names of its columns.

    Raises:
        DataError: A column is missing (the error lists those seen), or a row has no path, label or known split.

    Example:
        >>> read_table(Path("photos.csv")).labels[:2]  # doctest: +SKIP
        ['cat', 'dog']
    """
    asked = _reading(reading)
    if path.suffix.lower() in (".parquet", ".pq"):
        asked.refuse("a Parquet file", "encoding")
    table = read_rows(path, asked.encoding)
    if not table.header and table.rows:
        table = _with_header(table, asked)
    return _listing(table, asked)


def read_frame(frame: Any, reading: Reading | Columns | None = None) -> Listing:
    """Lists the images or texts of a pandas (or like) DataFrame; relative paths start at the working directory.

    Args:
        frame: Has `.columns` and gives a column by `.iloc` or by `frame[name]`.
        reading: As for `read_table`.

    Raises:
        DataError: As for `read_table`.
    """
    asked = _reading(reading)
    asked.refuse("a DataFrame", "encoding")
    return _listing(frame_rows(frame), asked)


def _reading(value: Reading | Columns | None) -> Reading:
    return value if isinstance(value, Reading) else Reading(value or Columns())


def _with_header(table: Table, asked: Reading) -> Table:
    """Takes a CSV file's first row for its header, unless it is an image and its label already."""
    first = tuple(cell.strip() for cell in table.rows[0])
    if _headless(first, asked, table.folder):
        return replace(table, header=("path", "label", "split", "group")[: len(first)])
    return replace(table, header=first, rows=table.rows[1:], numbers=table.numbers[1:])


def _headless(header: Sequence[str], asked: Reading, folder: Path) -> bool:
    words = {cell.lower() for cell in header}
    usual = {word for role in ("path", "label") for word in USUAL[role]}
    if words & usual or asked.columns.asked() or asked.modality == "text" or len(header) < 2 or not header[0]:
        return False
    return _is_file(folder, header[0])


def _is_file(folder: Path, name: str) -> bool:
    try:
        return bool(name) and "\0" not in name and (folder / name.replace("\\", "/")).is_file()
    except (OSError, ValueError):  # a text, longer than any file's name
        return False


def _listing(table: Table, asked: Reading) -> Listing:
    names = asked.label_columns
    if names:
        table, asked = joined(table, asked)
    if _modality(table, asked) == "text":
        listing = list_texts(table, asked)
    else:
        asked.refuse_modality(f"{table.where}, a table of images", "image")
        listing = _list_images(table, asked)
    if table.encoding:
        note_encodings(listing, {table.encoding: 1}, detected=asked.encoding is None)
    listing.class_names = names
    return listing


def _modality(table: Table, asked: Reading) -> Modality:
    """Says whether rows are images or texts: as asked, by the columns there are, by the files there are."""
    named = asked.columns
    if named.path and named.text:
        raise UsageError(
            f"the path column '{named.path}' and the text column '{named.text}'.",
            allowed="images, which have a path, or texts.",
            do="Name one of them.",
        )
    if asked.modality:
        return asked.modality
    if named.path or named.text:
        return "image" if named.path else "text"
    path, text = (find(table.header, named, role) for role in ("path", "text"))
    if path is None or text is None:
        return "image" if text is None else "text"
    paths = [cells.plain(row[path]) for row in table.rows[:_LOOKED_AT] if path < len(row)]
    if any(_is_file(table.folder, name) for name in paths):
        return "image"
    raise DataError(
        f"{table.where} has the column '{table.header[path]}', which could be of images, and '{table.header[text]}', "
        f"which could be texts; no image '{paths[0] if paths else ''}' exists.",
        allowed="one or the other.",
        do=f"Say which: modality='text' (text_column='{table.header[text]}') or modality='image'.",
    )


def _list_images(table: Table, asked: Reading) -> Listing:
    picked = pick(table.header, asked.columns, table.where)
    listing = Listing(name=table.name, source=table.source)
    listing.splits = [] if "split" in picked else None
    listing.groups = [] if "group" in picked else None
    seen: dict[str, tuple[str, str]] = {}
    for row, found in _cells(table, picked, lists=asked.task == "multilabel"):
        where = f"{table.source}, {row}"
        key = found["path"].replace("\\", "/")
        need = "a path and a label in every row."
        if not key or "\0" in key:
            raise DataError(f"{where}: no path.", allowed=need, do="Fill it in.")
        label = asked.kind.read(found["label"], where, need)
        if key in seen:
            _refuse_conflict(key, seen[key], (label, row), table.source)
            listing.ignored.append(f"{key} ({row} repeats {seen[key][1]})")
            continue
        seen[key] = (label, row)
        listing.items.append(table.folder / cells.encodable(key, where, "path"))
        listing.keys.append(key)
        listing.labels.append(label)
        if listing.splits is not None:
            listing.splits.append(cells.split_word(found["split"], where))
        if listing.groups is not None:
            listing.groups.append(found["group"] or f"(alone) {key}")
    if not listing.items:
        raise DataError(
            f"{table.source} has a header and no rows.", allowed="a row per image.", do="Fill it."
        )
    return listing


def _cells(table: Table, picked: dict[str, int], *, lists: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the words of each row; a list of labels stays one where there may be several."""
    for number, row in zip(table.numbers, table.rows, strict=True):
        found: dict[str, Any] = {
            role: cells.plain(row[at]) if at < len(row) else "" for role, at in picked.items()
        }
        if lists and isinstance(row[picked["label"]] if picked["label"] < len(row) else "", list):
            found["label"] = row[picked["label"]]
        yield f"row {number}", found


def _refuse_conflict(key: str, before: tuple[str, str], now: tuple[str, str], source: str) -> None:
    if before[0] != now[0]:
        raise DataError(
            f"{source}: '{key}' is '{before[0]}' in {before[1]} and '{now[0]}' in {now[1]}.",
            allowed="one label per image.",
            do="Correct one of the rows.",
        )

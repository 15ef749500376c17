"""CSV and TSV files, and DataFrames: one row per image."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tlzoo.data.listing import Listing
from tlzoo.data.splits import WORDS
from tlzoo.errors import DataError, unknown_name

_USUAL = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img"),
    "label": ("label", "class", "class_name", "category", "target", "y"),
    "split": ("split", "subset", "partition", "set"),
    "group": ("group", "group_id", "patient", "patient_id", "subject", "subject_id"),
}
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns; None looks for the usual ones, in any case.

    Attributes:
        path: Of the image, relative to the table's folder, or absolute.
        label: Its class.
        split: `train`, `val` or `test` (and their other usual spellings); may be missing.
        group: What must not straddle splits: a patient, a scene, a serial number; may be missing.
    """

    path: str | None = None
    label: str | None = None
    split: str | None = None
    group: str | None = None

    @classmethod
    def of(cls, value: Columns | Mapping[str, str] | None) -> Columns:
        """Returns `value` as columns; a misspelt key of a mapping is an error with a suggestion."""
        if isinstance(value, Columns):
            return value
        known = [field.name for field in fields(cls)]
        for key in value or {}:
            if key not in known:
                raise unknown_name("column role", key, known)
        return cls(**dict(value or {}))


def read_table(path: Path, columns: Columns | None = None) -> Listing:
    """Lists the images of a CSV or TSV file.

    UTF-8 (with or without a mark), UTF-16 and Windows-1252; commas, semicolons, tabs or bars; a file without
    header is read as path, label[, split[, group]].

    Args:
        path: The table; image paths in it are relative to its folder.
        columns: Names of its columns where they are not the usual ones.

    Raises:
        DataError: A column is missing (the error lists those seen), or a row has no path, label or known split.

    Example:
        >>> read_table(Path("photos.csv")).labels[:2]  # doctest: +SKIP
        ['cat', 'dog']
    """
    columns = columns or Columns()
    try:
        text = _text(path.read_bytes())
        rows = [row for row in _rows(text, path.suffix.lower()) if any(cell.strip() for cell in row)]
    except (OSError, csv.Error) as error:
        raise DataError(f"'{path}' cannot be read: {error}.", allowed="a CSV or TSV file.") from error
    if not rows:
        raise DataError(f"'{path}' is empty.", allowed="a header and a row per image.", do="Fill it.")
    header = [cell.strip() for cell in rows[0]]
    if _headless(header, columns, path.parent):
        header, numbered = ["path", "label", "split", "group"][: len(header)], list(enumerate(rows, 1))
    else:
        numbered = list(enumerate(rows[1:], 2))
    picked = _pick(header, columns, f"'{path}'")
    records = [
        ({role: row[at].strip() if at < len(row) else "" for role, at in picked.items()}, f"row {number}")
        for number, row in numbered
    ]
    return _listing(records, path.stem, str(path), path.parent)


def read_frame(frame: Any, columns: Columns | None = None) -> Listing:
    """Lists the images of a pandas (or like) DataFrame; relative paths start at the working directory.

    Args:
        frame: Has `.columns` and gives a column by `frame[name]`.
        columns: As for `read_table`.

    Raises:
        DataError: As for `read_table`.
    """
    header = [str(name) for name in frame.columns]
    names = list(frame.columns)
    picked = _pick(header, columns or Columns(), "the DataFrame")
    data = {role: [_cell(value) for value in frame[names[at]]] for role, at in picked.items()}
    count = len(data["path"])
    records = [({role: data[role][row] for role in data}, f"row {row}") for row in range(count)]
    return _listing(records, "frame", "a DataFrame", Path.cwd())


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN differs from itself
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # pandas turns whole numbers to floats where a cell is missing
    return str(value).strip()


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _rows(text: str, suffix: str) -> list[list[str]]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    counts = {delimiter: len(next(csv.reader([first], delimiter=delimiter))) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda delimiter: (counts[delimiter], delimiter == "\t" and suffix == ".tsv"))
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=best))


def _headless(header: Sequence[str], columns: Columns, folder: Path) -> bool:
    words = {cell.lower() for cell in header}
    usual = {word for role in ("path", "label") for word in _USUAL[role]}
    named = {name for name in (columns.path, columns.label, columns.split, columns.group) if name}
    if words & usual or named or len(header) < 2 or not header[0]:
        return False
    return "\0" not in header[0] and (folder / header[0]).is_file()


def _pick(header: Sequence[str], columns: Columns, where: str) -> dict[str, int]:
    picked: dict[str, int] = {}
    for role, usual in _USUAL.items():
        asked = getattr(columns, role)
        lower = [name.strip().lower() for name in header]
        wanted = [asked] if asked else usual
        at = [list(header).index(name) for name in wanted if name in header]
        at = at or [lower.index(name.lower()) for name in wanted if name.lower() in lower]
        if at:
            picked[role] = at[0]
        elif asked or role in ("path", "label"):
            raise DataError(
                f"{where} has no column '{asked or role}'; it has {', '.join(map(repr, header[:20]))}.",
                allowed="columns path and label, and if you like split and group.",
                do=f"Rename a column, or say which one it is: columns={{'{role}': '{header[0]}'}}.",
            )
    return picked


def _listing(records: list[tuple[dict[str, str], str]], name: str, source: str, folder: Path) -> Listing:
    listing = Listing(name=name, source=source)
    has = records[0][0].keys() if records else ()
    listing.splits = [] if "split" in has else None
    listing.groups = [] if "group" in has else None
    seen: dict[str, tuple[str, str]] = {}
    for cells, row in records:
        key, label = cells["path"].replace("\\", "/"), unicodedata.normalize("NFC", cells["label"])
        if not key or not label or "\0" in key:
            lacks = "label" if key else "path"
            raise DataError(
                f"{source}, {row}: no {lacks}.", allowed="a path and a label in every row.", do="Fill it in."
            )
        if key in seen:
            _refuse_conflict(key, seen[key], (label, row), source)
            listing.ignored.append(f"{key} ({row} repeats {seen[key][1]})")
            continue
        seen[key] = (label, row)
        listing.items.append(folder / key)
        listing.keys.append(key)
        listing.labels.append(label)
        if listing.splits is not None:
            listing.splits.append(_split_word(cells["split"], source, row))
        if listing.groups is not None:
            listing.groups.append(cells["group"] or f"(alone) {key}")
    if not listing.items:
        raise DataError(f"{source} has a header and no rows.", allowed="a row per image.", do="Fill it.")
    return listing


def _refuse_conflict(key: str, before: tuple[str, str], now: tuple[str, str], source: str) -> None:
    if before[0] != now[0]:
        raise DataError(
            f"{source}: '{key}' is '{before[0]}' in {before[1]} and '{now[0]}' in {now[1]}.",
            allowed="one label per image.",
            do="Correct one of the rows.",
        )


def _split_word(word: str, source: str, row: str) -> str | None:
    if not word:
        return None
    if word.lower() not in WORDS:
        raise DataError(
            f"{source}, {row}: split '{word}'.",
            allowed=f"{', '.join(WORDS)}, or nothing.",
            do="Correct it, or name another column as the split.",
        )
    return WORDS[word.lower()]

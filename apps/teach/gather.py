"""From what a visitor dropped into the page to data that `tlzoo.load` reads: a table beside copies of the pictures."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tlzoo
from tlzoo.errors import DataError

from ..common import uploads

MOST_MB = 500.0
"""Most megabytes of pictures, or of what a zip file unpacks to, that one visitor may teach with."""
FEWEST = 3
"""Fewest examples a class: one to learn from, one to choose by, one to judge by."""


def pictures(folder: Path, names: Sequence[str], dropped: Sequence[Sequence[Path]]) -> Any:
    """Returns the data set of pictures dropped class by class.

    Args:
        folder: A new folder for the copies.
        names: Of the classes; empty ones without pictures are left out.
        dropped: Pictures of each class.

    Raises:
        DataError: There is too little, or something cannot be read.
    """
    classes = _classes(names, dropped, "picture")
    uploads.check_size([file for _, files in classes for file in files], MOST_MB)
    folder.mkdir(parents=True)
    rows: list[tuple[str, str]] = []
    for name, files in classes:
        for file in files:
            copy = folder / f"{len(rows):05d}_{file.name}"
            shutil.copyfile(file, copy)
            rows.append((copy.name, name))
    return tlzoo.load(
        str(_table(folder / "pictures.csv", "path", rows)), name="your pictures", on_broken="refuse"
    )


def texts(folder: Path, names: Sequence[str], written: Sequence[str]) -> Any:
    """Returns the data set of texts written class by class, one a line.

    Args:
        folder: A new folder.
        names: Of the classes; empty ones without texts are left out.
        written: Texts of each class.

    Raises:
        DataError: There is too little.
    """
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in written]
    classes = _classes(names, lines, "text")
    folder.mkdir(parents=True)
    rows = [(text, name) for name, found in classes for text in found]
    return tlzoo.load(str(_table(folder / "texts.csv", "text", rows)), name="your texts")


def file(folder: Path, upload: Path | None, text_column: str, label_column: str) -> Any:
    """Returns the data set of a zip file with a folder for each class, or of a table of texts.

    Args:
        folder: A new folder.
        upload: The file.
        text_column: Of a table; empty to find it.
        label_column: Likewise.

    Raises:
        DataError: It is neither, or cannot be learned from.
        SourceError: The zip file is damaged or dishonest.
    """
    if upload is None:
        raise DataError(
            "No file was uploaded.", allowed="a zip file or a table.", do="Drop one into the box."
        )
    kind = uploads.kind_of(upload)
    if kind == "zip":
        inside = uploads.unpacked(upload, folder, MOST_MB)
        return tlzoo.load(str(inside), name=upload.stem)
    if kind == "table":
        folder.mkdir(parents=True)
        copy = Path(shutil.copyfile(upload, folder / upload.name))
        named = {"text_column": text_column.strip(), "label_column": label_column.strip()}
        options = {key: value for key, value in named.items() if value}
        return tlzoo.load(str(copy), modality="text", **options)
    raise DataError(
        f"'{upload.name}' is neither a zip file nor a table.",
        allowed=f".zip with a folder for each class, or {', '.join(uploads.TABLES)} with texts and labels.",
        do="Pictures one by one go into the tab Pictures.",
    )


def _classes(
    names: Sequence[str], given: Sequence[Sequence[Any]], noun: str
) -> list[tuple[str, Sequence[Any]]]:
    """Returns the classes that were filled; refuses what cannot be learned from in words of the page."""
    filled = [(name.strip(), items) for name, items in zip(names, given, strict=True) if items]
    if len(filled) < 2:
        only = f"only '{filled[0][0]}' has {noun}s" if filled else f"there are no {noun}s yet"
        raise DataError(f"{only}.", allowed="2 or more classes.", do=f"Add {noun}s of another class.")
    for number, (name, items) in enumerate(filled, start=1):
        if not name:
            raise DataError(f"class {number} has {noun}s and no name.", do="Name it.")
        if len(items) < FEWEST:
            raise DataError(
                f"'{name}' has {len(items)} {noun}{'s' if len(items) > 1 else ''}.",
                allowed=f"{FEWEST} or more a class; 10 to 50 teach well.",
                do="Add some.",
            )
    twice = {name for name, _ in filled if [other for other, _ in filled].count(name) > 1}
    if twice:
        raise DataError(f"two classes are called '{min(twice)}'.", do="Rename one of them.")
    return filled


def _table(path: Path, column: str, rows: Sequence[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow((column, "label"))
        writer.writerows(rows)
    return path

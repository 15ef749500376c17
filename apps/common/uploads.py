"""What people upload, looked at before it is used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import tlzoo
from tlzoo.errors import DataError

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""Endings of pictures that are taken."""
TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
"""Endings of tables."""


def check_size(files: Iterable[Path], most_mb: float) -> None:
    """Raises `DataError` where files together are larger than allowed."""
    total = sum(file.stat().st_size for file in files)
    if total > most_mb * 1e6:
        raise DataError(
            f"these files have {total / 1e6:.0f} MB together.",
            allowed=f"up to {most_mb:.0f} MB.",
            do="Take fewer or smaller ones.",
        )


def unpacked(archive: Path, folder: Path, most_mb: float) -> Path:
    """Unpacks a zip file into a new folder; returns the folder whose folders are the classes.

    Archives made of one folder hold the classes one level deeper.

    Args:
        archive: The upload.
        folder: Where to; must not exist.
        most_mb: Most megabytes it may unpack to.

    Raises:
        SourceError: It is no zip file, or not an honest one.
        DataError: It holds no folders.
    """
    folder.mkdir(parents=True)
    tlzoo.unpack(archive, folder, max_bytes=int(most_mb * 1e6))
    while True:
        inside = [each for each in folder.iterdir() if not each.name.startswith((".", "__MACOSX"))]
        folders = [each for each in inside if each.is_dir()]
        if len(folders) != 1 or len(inside) != 1:
            break
        (folder,) = folders
    if len(folders) < 2:
        raise DataError(
            f"'{archive.name}' holds {len(folders)} folders.",
            allowed="a zip file with a folder for each class, 2 or more.",
            do="Sort the files into folders named like the classes, and zip these.",
        )
    return folder


def kind_of(file: Path) -> str:
    """Returns `zip`, `table`, `picture`, `text` or empty, by a file's ending."""
    ending = file.suffix.lower()
    named = ((".zip",), "zip"), (TABLES, "table"), (PICTURES, "picture"), ((".txt",), "text")
    return next((kind for endings, kind in named if ending in endings), "")

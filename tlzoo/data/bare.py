"""Items without labels as a data set: images, texts, or labelled data whose labels nobody sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.data.dataset import Dataset
from tlzoo.data.folders import visible
from tlzoo.data.listing import SUFFIXES, Listing
from tlzoo.data.load import build, load
from tlzoo.data.probe import look
from tlzoo.data.refusals import tolerance
from tlzoo.data.unlabelled import TABLES, texts_of
from tlzoo.errors import DataError
from tlzoo.progress import Progress

UNKNOWN = "unknown"
"""The one class of items whose labels nobody knows."""


def load_bare(source: Any, *, progress: Progress | None = None, **options: Any) -> Dataset:
    """Loads items and no labels.

    Args:
        source: A folder with images anywhere below it, a table with a column of texts, or anything `load` takes.
        progress: Told how many files were looked at.
        **options: As for `load`.

    Returns:
        A data set whose labels are all 0, and whose one class is called `unknown`.

    Raises:
        UsageError: The source or an option is not understood.
        DataError: It holds nothing, or too much of it is broken.

    Example:
        >>> load_bare("new_photos/").class_names  # doctest: +SKIP
        ('unknown',)
    """
    if isinstance(source, Dataset):
        return without_labels(source)
    path = Path(source).expanduser() if isinstance(source, (str, Path)) else None
    if (
        path is not None
        and path.is_dir()
        and options.get("modality") != "text"
        and (files := pictures_in(path))
    ):
        listing = Listing(path.resolve().name or "images", str(path), [*files])
        listing.keys = [str(file.relative_to(path)) for file in files]
    elif path is not None and path.is_file() and path.suffix.lower() in TABLES and _is_texts(options):
        listing = _texts(path, options)
    else:
        return without_labels(load(source, to_learn=False, progress=progress, **options))
    listing.labels = [UNKNOWN] * len(listing.items)
    allowed = tolerance(options.get("on_broken", "skip"))
    found = build(listing, look(listing, progress), allowed, to_learn=False)
    return replace(found, options={**options, "labels": "none"})


def without_labels(dataset: Dataset) -> Dataset:
    """Returns the data set with every label forgotten."""
    return replace(
        dataset,
        labels=np.zeros(len(dataset), np.int64),
        class_names=(UNKNOWN,),
        task="classification",
        given_split=None,
        options={**dataset.options, "labels": "none"},
    )


def pictures_in(folder: Path) -> list[Path]:
    """Returns the images anywhere below a folder, sorted; hidden ones are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if all(visible(part) for part in path.relative_to(folder).parts))


def _is_texts(options: dict[str, Any]) -> bool:
    return options.get("modality") == "text" or "text_column" in options


def _texts(path: Path, options: dict[str, Any]) -> Listing:
    listing = Listing.of_texts(path.stem, str(path))
    for key, text in texts_of(path, options.get("text_column"), options.get("encoding")):
        if isinstance(text, DataError):
            listing.broken[key] = text.what
        listing.items.append("" if isinstance(text, DataError) else text)
        listing.keys.append(key)
    return listing

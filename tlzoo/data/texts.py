"""Texts as a source lists them: rows of a table, files below class folders, strings in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tlzoo.data import cells
from tlzoo.data.columns import pick
from tlzoo.data.encodings import decode, guess, is_utf8, marked
from tlzoo.data.listing import Listing
from tlzoo.data.reading import Reading
from tlzoo.data.rows import Table
from tlzoo.errors import DataError

EMPTY = "the text is empty"
"""Why texts of nothing but white space are broken."""

_BYTES_PER_CHARACTER = 4
_EVIDENCE = 256 * 1024


def list_texts(table: Table, asked: Reading) -> Listing:
    """Lists the texts of a table; rows with the same text stay, under keys like `row:17`.

    Args:
        table: Its rows.
        asked: Names of its columns, and whether HTML's entities are undone.

    Raises:
        DataError: A column is missing; or, naming the row: no label, an unknown split, other than the header's
            number of cells, a text that is too long or no text.
    """
    picked = pick(table.header, asked.columns, table.where, texts=True)
    listing = Listing.of_texts(table.name, table.source)
    listing.splits = [] if "split" in picked else None
    listing.groups = [] if "group" in picked else None
    for number, row in zip(table.numbers, table.rows, strict=True):
        where = f"{table.source}, row {number}"
        refuse_ragged(row, table.header, where)
        text = cells.text(row[picked["text"]], where, unescape=bool(asked.unescape_html))
        add_text(listing, text, asked.kind.read(row[picked["label"]], where), f"row:{number}")
        if listing.splits is not None:
            listing.splits.append(cells.split_word(cells.plain(row[picked["split"]]), where))
        if listing.groups is not None:
            group = cells.encodable(cells.plain(row[picked["group"]]), where, "group")
            listing.groups.append(group or f"(alone) row:{number}")
    if not listing.items:
        raise DataError(f"{table.source} has a header and no rows.", allowed="a row per text.", do="Fill it.")
    return listing


def add_text(listing: Listing, text: str, label: str, key: str) -> None:
    """Adds a text; one of nothing but white space is noted as broken.

    Args:
        listing: Where to.
        text: As it is.
        label: Its class.
        key: What reports call it.
    """
    if not text.strip():
        listing.broken[key] = EMPTY
    listing.items.append(text)
    listing.keys.append(key)
    listing.labels.append(label)


def read_files(listing: Listing, asked: Reading) -> None:
    """Turns the paths of a listing into the texts they hold; files that cannot be read are noted as broken.

    Files that are neither marked nor UTF-8 are taken to share one encoding: one short file says little.

    Args:
        listing: Paths and their keys.
        asked: The encoding, and whether HTML's entities are undone.

    Raises:
        DataError: A text is too long.
    """
    contents = [_content(listing, at) for at in range(len(listing.items))]
    shared = None if asked.encoding else _shared(contents)
    found: Counter[str] = Counter()
    for at, (key, content) in enumerate(zip(listing.keys, contents, strict=True)):
        text = ""
        if content is not None:
            try:
                text, name = _decode(content, asked.encoding, shared, f"'{key}'")
            except DataError as error:
                listing.broken[key] = error.what.rstrip(".")
            else:
                found[name] += 1
                text = cells.text(text, f"{listing.source}, {key}", unescape=bool(asked.unescape_html))
                if not text.strip():
                    listing.broken[key] = EMPTY
        listing.items[at] = text
    note_encodings(listing, found, detected=asked.encoding is None)


def read_strings(texts: Sequence[Any], labels: Sequence[Any], asked: Reading) -> Listing:
    """Lists texts that are in memory, under keys like `text:3`.

    Args:
        texts: Strings, or UTF-8 bytes.
        labels: A word or a number for each.
        asked: Whether HTML's entities are undone.

    Raises:
        DataError: Lengths differ, a label is missing, or a text is too long or no text.
    """
    if len(texts) != len(labels):
        raise DataError(
            f"{len(texts)} texts and {len(labels)} labels.",
            allowed="as many labels as texts.",
            do="Match them.",
        )
    listing = Listing.of_texts("texts", "texts in memory")
    add_strings(listing, texts, labels, None, asked)
    return listing


def add_strings(
    listing: Listing, texts: Sequence[Any], labels: Sequence[Any], split: str | None, asked: Reading
) -> None:
    """Adds texts from memory with their labels and, where the listing is split, their split."""
    for text, label in zip(texts, labels, strict=True):
        key = f"text:{len(listing.items)}"
        found = cells.text(text, key, unescape=bool(asked.unescape_html))
        add_text(listing, found, asked.kind.read(label, key, "a label for every text."), key)
        if listing.splits is not None:
            listing.splits.append(split)


def note_encodings(listing: Listing, found: dict[str, int], *, detected: bool) -> None:
    """Writes down which encodings were met; a guess is said to be one."""
    listing.encodings = dict(found)
    for name, count in sorted(found.items()):
        sure = name.startswith("utf-")
        files = f" in {count:,} files" if count > 1 else ""
        how = "detected" if detected else "as asked"
        doubt = "; if letters look wrong, name the encoding" if detected and not sure else ""
        listing.notes.append(f"encoding {name}, {how}{files}{doubt}")


def refuse_ragged(row: Sequence[Any], header: Sequence[str], where: str) -> None:
    """Raises `DataError` for a row with fewer cells than the header, or with more that hold something."""
    extra = [cell for cell in row[len(header) :] if cells.plain(cell)]
    if len(row) < len(header) or extra:
        raise DataError(
            f"{where}: {len(row)} cells, and the header has {len(header)}.",
            allowed="as many cells in every row as in the header.",
            do="Put texts that hold the delimiter or a new line in quotes.",
        )


def _content(listing: Listing, at: int) -> bytes | None:
    path, key = listing.items[at], listing.keys[at]
    if not isinstance(path, Path):
        return None
    try:
        most = cells.MOST_CHARACTERS * _BYTES_PER_CHARACTER + _BYTES_PER_CHARACTER
        if path.stat().st_size > most:
            cells.refuse_long(path.stat().st_size // _BYTES_PER_CHARACTER, f"{listing.source}, {key}")
        return path.read_bytes()
    except OSError as error:
        listing.broken[key] = error.strerror or str(error)
        return None


def _shared(contents: Sequence[bytes | None]) -> str | None:
    foreign = [content for content in contents if content and not marked(content) and not is_utf8(content)]
    return guess(b"\n".join(foreign)[:_EVIDENCE]) if foreign else None


def _decode(content: bytes, encoding: str | None, shared: str | None, where: str) -> tuple[str, str]:
    if encoding or shared is None or marked(content) or is_utf8(content):
        return decode(content, encoding, where)
    try:
        return decode(content, shared, where)
    except DataError:
        return decode(content, None, where)

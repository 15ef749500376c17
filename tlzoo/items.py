"""What people hand to a bundle, one item after another, as the bytes that are sent to it; no TensorFlow.

The bundle may be in this process or behind a server: both are handed the same items and call them the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from tlzoo.data import cells
from tlzoo.data.convert import encode_png, read_image
from tlzoo.data.encodings import decode
from tlzoo.data.listing import SUFFIXES
from tlzoo.errors import DataError

Item = str | Path | bytes | np.ndarray | Image.Image

MOST_BYTES = 4 * cells.MOST_CHARACTERS + 4
"""Largest text file that is read as one document; a character takes up to four bytes."""


@dataclass(frozen=True)
class Ready:
    """An item on its way: raw bytes for the graph, or what the network eats, or an error.

    Attributes:
        name: What reports call it.
        item: What came in.
        raw: For the signature that takes strings.
        eaten: For the signature that takes pixels.
        error: Why it cannot be read.
    """

    name: str
    item: Any
    raw: bytes | None = None
    eaten: np.ndarray | None = None
    error: DataError | None = None


@dataclass(frozen=True)
class Named:
    """An item that reports call something of its own, such as `row:17`.

    Attributes:
        name: What they call it.
        item: What is to be read; or an error, which is reported as it is.
    """

    name: str
    item: Any


class Reader(Protocol):
    """Reads items for one bundle; `read` is called from several threads."""

    def each(self, items: Iterable[Item | Named] | Item) -> Iterator[tuple[str, Any]]:
        """Yields the name of every item and what is to be read."""

    def read(self, name: str, item: Any) -> Ready:
        """Reads one; never raises for a bad one."""

    def rescued(self, ready: Ready) -> Ready:
        """Reads once more, another way, what the graph refused."""


class ImageReader:
    """Reads images: paths, folders, encoded bytes, arrays, Pillow images.

    What the graph of a bundle decodes is sent as it is; all else as a PNG file of the same pixels.
    """

    def each(self, items: Iterable[Item | Named] | Item) -> Iterator[tuple[str, Any]]:
        """Yields every image, those of folders too."""
        several: Any = [items] if _is_one_image(items) else items
        for index, item in enumerate(several):
            if isinstance(item, Named):
                yield item.name, item.item
            elif isinstance(item, (str, Path)):
                yield from ((str(path), path) for path in _files(Path(item)))
            elif isinstance(item, (bytes, bytearray, memoryview)):
                yield f"bytes:{index}", item
            elif isinstance(item, Image.Image):
                yield f"image:{index}", item
            else:
                yield f"array:{index}", item

    def read(self, name: str, item: Any) -> Ready:
        """Reads one image."""
        try:
            if isinstance(item, (str, Path)):
                # What cannot even be opened is named by `read_image`, below.
                item = Path(item)
                raw = item.read_bytes() if item.is_file() else b""
            else:
                raw = bytes(item) if isinstance(item, (bytes, bytearray, memoryview)) else b""
            if _graph_decodes(raw):
                return Ready(name, item, raw=raw)
            return self.decoded(name, item)
        except OSError as error:
            return Ready(name, item, error=DataError(f"'{name}' cannot be read: {error.strerror or error}."))
        except DataError as error:
            return Ready(name, item, error=error)

    def rescued(self, ready: Ready) -> Ready:
        """Decodes with Pillow, which knows more variants and says better what is wrong."""
        try:
            return self.decoded(ready.name, ready.item)
        except DataError as error:
            return Ready(ready.name, ready.item, error=error)

    def decoded(self, name: str, item: Any) -> Ready:
        """Decodes one image here.

        Raises:
            DataError: It cannot be decoded, or is a folder without images.
        """
        if isinstance(item, Path) and item.is_dir():
            raise DataError(
                f"Folder '{item}' holds no images.",
                allowed=f"files that end in {', '.join(sorted(SUFFIXES))}.",
                do="Give another folder, or name the files.",
            )
        return self.pixels(name, item)

    def pixels(self, name: str, item: Any) -> Ready:
        """Decodes one image that is no folder."""
        return Ready(name, item, raw=encode_png(read_image(item), level=1))


class TextReader:
    """Reads texts: strings are texts themselves, paths are files that hold one document each.

    Args:
        encoding: Of files; None detects it, as it is detected for training.
        unescape_html: Whether `&amp;` and the like become what they stand for.
    """

    def __init__(self, encoding: str | None = None, *, unescape_html: bool = False) -> None:
        self._encoding, self._unescape = encoding, unescape_html

    def each(self, items: Iterable[Item | Named] | Item) -> Iterator[tuple[str, Any]]:
        """Yields every text, those of the `.txt` files of a folder too."""
        one = isinstance(items, (str, Path, bytes)) or not isinstance(items, Iterable)
        several: Any = [items] if one else items
        for index, item in enumerate(several):
            if isinstance(item, Named):
                yield item.name, item.item
            elif isinstance(item, Path):
                yield from ((str(path), path) for path in _files(item, frozenset({".txt"})))
            else:
                yield f"text:{index}", item

    def read(self, name: str, item: Any) -> Ready:
        """Reads one text as UTF-8 bytes."""
        try:
            if isinstance(item, DataError):
                return Ready(name, item, error=item)
            if isinstance(item, Path):
                item = _document(item, self._encoding)
            elif not isinstance(item, (str, bytes)):
                raise DataError(
                    f"{name} is a {type(item).__name__}.", allowed="strings, or paths of .txt files."
                )
            return Ready(name, item, raw=cells.text(item, name, unescape=self._unescape).encode("utf-8"))
        except OSError as error:
            return Ready(name, item, error=DataError(f"'{name}' cannot be read: {error.strerror or error}."))
        except DataError as error:
            return Ready(name, item, error=error)

    def rescued(self, ready: Ready) -> Ready:
        """Says that the graph refused the text; there is no other way."""
        refusal = DataError(f"{ready.name} was refused by the model.", do="Leave it out.")
        return Ready(ready.name, ready.item, error=refusal)


def _document(path: Path, encoding: str | None) -> str:
    if path.is_dir():
        raise DataError(f"Folder '{path}' holds no .txt files.", allowed="folders of .txt files.")
    if path.suffix.lower() in SUFFIXES:
        raise DataError(f"'{path}' is an image.", allowed="texts.", do="Ask a bundle for images.")
    if path.stat().st_size > MOST_BYTES:
        raise DataError(
            f"'{path}' is larger than {MOST_BYTES >> 20} MiB.",
            allowed=f"documents of at most {cells.MOST_CHARACTERS:,} characters.",
            do="Cut it into documents.",
        )
    return decode(path.read_bytes(), encoding, f"'{path}'")[0]


def _graph_decodes(encoded: bytes) -> bool:
    if encoded[:4] == b"RIFF":
        return encoded[8:12] == b"WEBP"
    return encoded.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM"))


def _is_one_image(items: Any) -> bool:
    if isinstance(items, np.ndarray):
        return items.ndim < 4
    return isinstance(items, (str, Path, bytes, bytearray, memoryview, Image.Image))


def _files(path: Path, suffixes: frozenset[str] = SUFFIXES) -> Iterator[Path]:
    """Walks a folder in order, one directory's names in memory at a time; gives the folder itself if it has none."""
    if not path.is_dir():
        yield path
        return
    empty = True
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            if Path(name).suffix.lower() in suffixes and not name.startswith("."):
                empty = False
                yield Path(folder, name)
    if empty:
        yield path

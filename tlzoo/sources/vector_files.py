"""Files of word vectors, block by block: word2vec (text and binary), GloVe, fastText `.vec`, NumPy with a vocabulary.

No file is ever in memory as a whole: GoogleNews is 3.6 GB. A word that is not UTF-8 keeps its place with the
replacement character in it (word2vec.c cut long words between bytes).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from tlzoo import paths
from tlzoo.errors import UsageError, WeightsError
from tlzoo.sources import parquet

Block = tuple[list[str], np.ndarray]
"""Words, and their vectors float32 (len(words), d)."""

FORMATS = (".vec", ".txt", ".bin", ".npy")
_ROWS = 4096
_LONGEST_LINE = 1 << 20
_LONGEST_WORD = 2048
_WIDEST = 65536
_FASTTEXT = b"\xba\x16\x4f\x2f"
_HEADER = re.compile(rb"\s*(\d{1,12})\s+(\d{1,6})\s*")


def blocks(path: Path, vocabulary: Path | None = None) -> Iterator[Block]:
    """Reads word vectors a few thousand at a time.

    Args:
        path: `.vec` or `.txt` (a word and its numbers a line; word2vec and fastText put the counts of both in a first
            line, GloVe does not), `.bin` (word2vec's binary form) or `.npy` (float (n, d)).
        vocabulary: The words of a `.npy`: a Parquet file of one column, or text with one word a line.

    Raises:
        WeightsError: The file is damaged; says where.
        UsageError: The format is unknown, or a `.npy` comes without its words.

    Example:
        >>> words, vectors = next(blocks(Path("glove.6B.50d.txt")))  # doctest: +SKIP
        >>> words[0], vectors.shape  # doctest: +SKIP
        ('the', (4096, 50))
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS or (suffix == ".npy") != (vocabulary is not None):
        raise UsageError(
            f"'{path.name}' with {vocabulary.name if vocabulary else 'no vocabulary'} are no word vectors.",
            allowed=f"files that end in {', '.join(FORMATS)}; `vocabulary` goes with .npy, and only with it.",
            do="Unpack or convert the file, or mend the card's [tokenizer] options.",
        )
    if vocabulary is not None:
        return _numpy(path, vocabulary)
    return _binary(path) if suffix == ".bin" else _text(path)


def read_words(path: Path) -> list[str]:
    """Returns the words of a vocabulary: a Parquet file of one column, or UTF-8 text with one word a line.

    Raises:
        WeightsError: The file is damaged.
    """
    if path.suffix == ".parquet":
        return parquet.read_strings(path)
    try:
        lines = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
        return [line.removesuffix("\r") for line in lines]
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error


def write(path: Path, words: Iterable[str], vectors: np.ndarray) -> None:
    """Writes word2vec's format, whole or not at all: binary if `path` ends in `.bin`, else text.

    Args:
        path: The file; its folder is made if missing.
        words: Without white space in them.
        vectors: float32 (n, d).
    """
    binary = path.suffix.lower() == ".bin"
    with paths.replacing(path) as file:
        file.write(f"{len(vectors)} {vectors.shape[1]}\n".encode())
        for word, vector in zip(words, vectors.astype("<f4"), strict=True):
            numbers = vector.tobytes() if binary else " ".join(map(str, vector)).encode()
            file.write(word.encode() + b" " + numbers + b"\n")


def _numpy(path: Path, vocabulary: Path) -> Iterator[Block]:
    words = read_words(vocabulary)
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, str(error)) from error
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or len(matrix) != len(words):
        raise _damaged(
            path, f"it holds {matrix.dtype} {matrix.shape}, its vocabulary {len(words)} words", "float (n, d)"
        )
    for start in range(0, len(words), _ROWS):
        block = np.ascontiguousarray(matrix[start : start + _ROWS], dtype=np.float32)
        _refuse_infinite(path, block, "row", start)
        yield words[start : start + _ROWS], block


def _binary(path: Path) -> Iterator[Block]:
    with path.open("rb") as file:
        first = file.readline(100)
        if first.startswith(_FASTTEXT):
            raise _damaged(path, "it is a whole fastText model", "fastText's `.vec` file of the same model")
        match = _HEADER.fullmatch(first)
        if match is None:
            raise _damaged(path, "line 1 is not `COUNT WIDTH`")
        count, width = int(match[1]), int(match[2])
        _refuse_too_large(path, count, width, least=4 * width + 2)
        for start in range(0, count, _ROWS):
            words, rows = [], bytearray()
            for number in range(start, min(start + _ROWS, count)):
                words.append(_binary_word(file, path, number))
                rows += file.read(4 * width)
            if len(rows) != 4 * width * len(words):
                raise _damaged(path, f"it ends within words {start} to {start + len(words)} of {count}")
            block = np.frombuffer(bytes(rows), "<f4").reshape(-1, width).astype(np.float32, copy=False)
            _refuse_infinite(path, block, "word", start)
            yield words, block


def _binary_word(file: IO[bytes], path: Path, number: int) -> str:
    """Reads up to the space after a word; some writers end each vector with a line break, some do not."""
    word = bytearray()
    while (byte := file.read(1)) != b" ":
        if not byte or len(word) > _LONGEST_WORD:
            raise _damaged(path, f"word {number} does not end")
        word += byte
    return word.lstrip(b"\n").decode("utf-8", errors="replace")


def _text(path: Path) -> Iterator[Block]:
    with path.open("rb") as file:
        first = file.readline(_LONGEST_LINE)
        header = _HEADER.fullmatch(first)
        width = int(header[2]) if header else len(first.split()) - 1
        if header:
            _refuse_too_large(path, int(header[1]), width, least=2 * width + 2)
        elif not 0 < width <= _WIDEST:
            raise _damaged(path, f"line 1 has {width + 1} fields")
        else:
            file.seek(0)
        found, start = 0, 2 if header else 1
        while lines := [line for line in (file.readline(_LONGEST_LINE) for _ in range(_ROWS)) if line]:
            yield _parsed(path, lines, start, width)
            start, found = start + len(lines), found + len(lines)
        if header and found != int(header[1]):
            raise _damaged(path, f"line 1 promises {int(header[1])} words, and {found} follow")


def _parsed(path: Path, lines: list[bytes], start: int, width: int) -> Block:
    """Splits lines into words and numbers; a word may hold spaces, so numbers count from the end."""
    words, numbers = [], []
    for number, line in enumerate(lines, start):
        word, _, rest = line.rstrip().partition(b" ")
        if rest.count(b" ") != width - 1:
            parts = line.split()
            rest = b" ".join(parts[-width:])
            word = b" ".join(parts[:-width])
        if not word:
            raise _damaged(path, f"line {number} is no word with {width} numbers")
        words.append(word.decode("utf-8", errors="replace"))
        numbers.append(rest)
    block = _floats(b" ".join(numbers), len(lines) * width)
    if block is None:
        bad = next(i for i, text in enumerate(numbers) if _floats(text, width) is None)
        raise _damaged(path, f"line {start + bad} ('{words[bad][:40]}') has a part that is no number")
    block = block.reshape(-1, width)
    _refuse_infinite(path, block, "line", start)
    return words, block


def _floats(text: bytes, count: int) -> np.ndarray | None:
    """Parses numbers separated by spaces; None unless there are exactly `count`."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # NumPy's word for text that is no number
        try:
            values = np.fromstring(text, dtype=np.float32, sep=" ")
        except (ValueError, DeprecationWarning):
            return None
    return values if len(values) == count else None


def _refuse_infinite(path: Path, block: np.ndarray, place: str, start: int) -> None:
    finite = np.isfinite(block).all(axis=1)
    if not finite.all():
        raise _damaged(path, f"{place} {start + int(np.argmin(finite))} holds a number that is not finite")


def _refuse_too_large(path: Path, count: int, width: int, *, least: int) -> None:
    """Refuses a promise that the file is too short to keep, before any memory is set aside for it."""
    size = path.stat().st_size
    if not count or not 0 < width <= _WIDEST or count * least > size + 1:
        raise _damaged(path, f"line 1 promises {count} words of {width} numbers, in {size} bytes")


def _damaged(path: Path, what: str, allowed: str = "") -> WeightsError:
    return WeightsError(
        f"{path} is damaged, or no file of word vectors: {what}.",
        allowed=f"{allowed or 'a word and its numbers for every vector, all of one length'}.",
        do="Fetch or make it again.",
    )

"""Reads one column of strings from a Parquet file, with NumPy alone.

pyarrow would be 170 MB more to install for the vocabulary of one card. This reads what such a file needs (one flat
column of strings without gaps; plain or dictionary pages; Snappy or nothing) and refuses everything else. The format:
github.com/apache/parquet-format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.errors import WeightsError
from tlzoo.sources.snappy import unpack, varint

_MAGIC = b"PAR1"
_LARGEST = 1 << 30
"""Most bytes of a file, and of one unpacked page."""

_UTF8, _PLAIN, _DICTIONARIES = 6, 0, (2, 8)
_DATA, _DICTIONARY = 0, 2


def read_strings(path: Path) -> list[str]:
    """Returns the values of a file's only column.

    Args:
        path: A Parquet file.

    Raises:
        WeightsError: It is damaged, or holds something else than one column of strings without gaps.

    Example:
        >>> read_strings(Path("glove_6B_index.parquet"))[:2]  # doctest: +SKIP
        ['the', ',']
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"{path.stat().st_size} bytes, more than {_LARGEST}")
        return _strings(path.read_bytes())
    except (OSError, ValueError, LookupError, TypeError, struct.error, RecursionError) as error:
        raise WeightsError(
            f"{path} cannot be read: {type(error).__name__}: {error}.",
            allowed="a Parquet file of one column of strings, without gaps, packed by Snappy or not at all.",
            do="Fetch it again; write other files anew as text, one word a line.",
        ) from error


def _strings(data: bytes) -> list[str]:
    if data[:4] != _MAGIC or data[-4:] != _MAGIC:
        raise ValueError("it does not begin and end as Parquet does")
    length = struct.unpack("<I", data[-8:-4])[0]
    footer = _Thrift(data[-8 - length : -8]).struct()
    leaves = [element for element in footer[2] if 5 not in element]  # field 5 counts children
    if len(leaves) != 1 or leaves[0][1] != _UTF8 or leaves[0].get(3) not in (0, 1):
        raise ValueError(f"{len(leaves)} columns, where one of strings is wanted")
    values: list[str] = []
    for group in footer[4]:
        values += _column(data, group[1][0][3], optional=leaves[0][3] == 1)
    if len(values) != footer[3]:
        raise ValueError(f"{len(values)} values where {footer[3]} are promised")
    return values


def _column(data: bytes, facts: dict[int, Any], *, optional: bool) -> list[str]:
    """Returns the values of one chunk of the column, page by page."""
    at, codec, count = facts.get(11, facts[9]), facts[4], facts[5]
    dictionary: list[str] = []
    values: list[str] = []
    while len(values) < count:
        header = _Thrift(data, at)
        page = header.struct()
        body = data[header.at : header.at + page[3]]
        at = header.at + page[3]
        if codec not in (0, 1):
            raise ValueError(f"compression {codec}")
        body = unpack(body, min(page[2], _LARGEST)) if codec else body
        if page[1] == _DICTIONARY:
            dictionary = _plain(body, page[7][1])
        elif page[1] == _DATA and page[5][1] > 0:
            values += _data_page(body, page[5], dictionary, optional=optional)
        else:
            raise ValueError(f"a page of kind {page[1]}")
    return values


def _data_page(body: bytes, facts: dict[int, Any], dictionary: list[str], *, optional: bool) -> list[str]:
    count, encoding = facts[1], facts[2]
    if optional:
        length = struct.unpack_from("<I", body)[0]
        if not _levels(body[4 : 4 + length], 1, count).all():
            raise ValueError("a value is missing")
        body = body[4 + length :]
    if encoding == _PLAIN:
        return _plain(body, count)
    if encoding in _DICTIONARIES:
        return [dictionary[number] for number in _levels(body[1:], body[0], count)]
    raise ValueError(f"encoding {encoding}")


def _plain(body: bytes, count: int) -> list[str]:
    """Reads strings that each follow their length in bytes."""
    values, at = [], 0
    for _ in range(count):
        length = struct.unpack_from("<I", body, at)[0]
        at += 4 + length
        if at > len(body):
            raise ValueError("a string ends early")
        values.append(body[at - length : at].decode("utf-8"))
    return values


def _levels(body: bytes, width: int, count: int) -> np.ndarray:
    """Reads `count` numbers of `width` bits: runs of one value, and packs of eight."""
    if width > 32 or count > _LARGEST:
        raise ValueError(f"{count} numbers of {width} bits")
    runs: list[np.ndarray] = [np.zeros(0, np.int64)]
    left, at = count, 0
    while left > 0:
        header, at = varint(body, at)
        if header & 1:
            size = (header >> 1) * width
            bits = np.unpackbits(np.frombuffer(body[at : at + size], np.uint8), bitorder="little")
            wide = bits.reshape(-1, max(width, 1)).astype(np.int64)
            run = (
                wide @ (1 << np.arange(width)) if width else np.zeros(min((header >> 1) * 8, left), np.int64)
            )
            at += size
        else:
            size = (width + 7) // 8
            value = int.from_bytes(body[at : at + size], "little")
            run = np.full(min(header >> 1, left), value, np.int64)
            at += size
        if not len(run):
            raise ValueError("an empty run")
        runs.append(run[:left])
        left -= len(runs[-1])
    return np.concatenate(runs)


class _Thrift:
    """Reads Thrift's compact protocol into plain dictionaries, keyed by field number."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def struct(self) -> dict[int, Any]:
        return dict(self._fields())

    def _fields(self) -> Iterator[tuple[int, Any]]:
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            yield field, kind == 1 if kind in (1, 2) else self._value(kind)

    def _value(self, kind: int) -> Any:
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._take(8)
        if kind == 8:
            return self._take(self._number())
        if kind in (9, 10):
            return self._list()
        if kind == 12:
            return self.struct()
        raise ValueError(f"a field of type {kind}")

    def _list(self) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._number()
        return [self._value(head & 15) for _ in range(count)]

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _number(self) -> int:
        value, self.at = varint(self.data, self.at)
        return value

    def _signed(self) -> int:
        value = self._number()
        return value >> 1 ^ -(value & 1)

    def _take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise ValueError("it ends early")
        self.at += count
        return self.data[self.at - count : self.at]

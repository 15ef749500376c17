"""Writes small Parquet files and Snappy blocks by hand, so that no test needs pyarrow."""

from __future__ import annotations

import struct


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def snappy(data: bytes) -> bytes:
    """A block of literals of up to 60 bytes, and a copy for each run of one byte."""
    out, at = bytearray(varint(len(data))), 0
    while at < len(data):
        run = len(data[at : at + 64]) - len(data[at : at + 64].lstrip(data[at : at + 1]))
        if at and run > 1 and data[at] == data[at - 1]:
            out += bytes([(run - 1) << 2 | 2]) + struct.pack("<H", 1)
            at += run
        else:
            piece = data[at : at + 1] if run > 1 else data[at : at + 60]
            out += bytes([(len(piece) - 1) << 2]) + piece
            at += len(piece)
    return bytes(out)


def number(value: int) -> tuple[int, bytes]:
    return 5, varint(value << 1 ^ value >> 63)


def text(value: bytes) -> tuple[int, bytes]:
    return 8, varint(len(value)) + value


def listed(kind: int, items: list[bytes]) -> tuple[int, bytes]:
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + varint(len(items))
    return 9, head + b"".join(items)


def struct_of(fields: dict[int, tuple[int, bytes]]) -> tuple[int, bytes]:
    out, last = bytearray(), 0
    for key, (kind, body) in sorted(fields.items()):
        out += bytes([key - last << 4 | kind]) + body
        last = key
    return 12, bytes(out) + b"\0"


def plain(words: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(word.encode())) + word.encode() for word in words)


def packed(numbers: list[int], width: int) -> bytes:
    """One pack of eights."""
    groups = -(-len(numbers) // 8)
    bits = "".join(f"{value:0{width}b}"[::-1] for value in numbers + [0] * (groups * 8 - len(numbers)))
    return varint(groups << 1 | 1) + bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


class Parquet:
    """One column of strings; every part can be made wrong."""

    def __init__(self, *, compress: bool = True, optional: bool = True) -> None:
        self.codec, self.optional = int(compress), optional
        self.body = bytearray(b"PAR1")
        self.count = 0

    def page(self, kind: int, field: int, facts: dict[int, tuple[int, bytes]], data: bytes) -> None:
        stored = snappy(data) if self.codec else data
        header = {1: number(kind), 2: number(len(data)), 3: number(len(stored)), field: struct_of(facts)}
        self.body += struct_of(header)[1] + stored

    def dictionary(self, words: list[str]) -> Parquet:
        self.page(2, 7, {1: number(len(words)), 2: number(0)}, plain(words))
        return self

    def values(self, data: bytes, count: int, encoding: int, levels: bytes | None = None) -> Parquet:
        levels = varint(count << 1) + b"\1" if levels is None else levels
        front = struct.pack("<I", len(levels)) + levels if self.optional else b""
        facts = {1: number(count), 2: number(encoding), 3: number(3), 4: number(3)}
        self.page(0, 5, facts, front + data)
        self.count += count
        return self

    def whole(
        self, *, columns: int = 1, kind: int = 6, codec: int | None = None, rows: int | None = None
    ) -> bytes:
        root = struct_of({4: text(b"schema"), 5: number(columns)})[1]
        leaf = struct_of({1: number(kind), 3: number(int(self.optional)), 4: text(b"index")})[1]
        facts = {4: number(self.codec if codec is None else codec), 5: number(self.count), 9: number(4)}
        chunk = struct_of({3: struct_of(facts)})[1]
        group = struct_of({1: listed(12, [chunk])})[1]
        footer = struct_of({
            1: number(2), 2: listed(12, [root, *[leaf] * columns]),
            3: number(self.count if rows is None else rows), 4: listed(12, [group]),
        })[1]  # fmt: skip
        return bytes(self.body) + footer + struct.pack("<I", len(footer)) + b"PAR1"


def simple(words: list[str], **options: bool) -> bytes:
    return Parquet(**options).values(plain(words), len(words), 0).whole()

"""Unpacks Snappy blocks (github.com/google/snappy, format_description.txt): the compression Parquet files come in."""

from __future__ import annotations


def unpack(data: bytes, limit: int) -> bytes:
    """Unpacks one raw block.

    Args:
        data: The block, without framing.
        limit: Most bytes it may unpack to.

    Raises:
        ValueError: The block is damaged, or says that it is larger than `limit`.
        IndexError: The block ends early.
    """
    size, at = varint(data, 0)
    if size > limit:
        raise ValueError(f"a block of {size} bytes")
    out = bytearray()
    while at < len(data):
        tag = data[at]
        if tag & 3:
            at, length, back = _copy(data, at, tag)
            _repeat(out, length, back)
        else:
            at, length = _literal(data, at, tag)
            out += data[at : at + length]
            at += length
        if len(out) > size:
            break
    if len(out) != size:
        raise ValueError(f"a block of {len(out)} bytes or more that should have {size}")
    return bytes(out)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Reads an unsigned number of 7 bits a byte; returns it and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _literal(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """Returns where a literal's bytes begin, and how many there are."""
    length, at = tag >> 2, at + 1
    if length >= 60:
        width = length - 59
        length = int.from_bytes(data[at : at + width], "little")
        at += width
    return at, length + 1


def _copy(data: bytes, at: int, tag: int) -> tuple[int, int, int]:
    """Returns where a copy's tag ends, how many bytes it repeats, and from how far back."""
    if tag & 3 == 1:
        return at + 2, 4 + (tag >> 2 & 7), (tag >> 5) << 8 | data[at + 1]
    width = 2 if tag & 3 == 2 else 4
    return at + 1 + width, 1 + (tag >> 2), int.from_bytes(data[at + 1 : at + 1 + width], "little")


def _repeat(out: bytearray, length: int, back: int) -> None:
    """Appends `length` bytes from `back` bytes ago; what is appended may be repeated again."""
    if not 0 < back <= len(out):
        raise ValueError(f"a copy from {back} bytes back where there are {len(out)}")
    start = len(out) - back
    piece = out[start : start + length]
    while len(piece) < length:
        piece += piece[: length - len(piece)]
    out += piece

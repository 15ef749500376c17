"""From bytes to text: by the encoding that was named, or by the one the bytes themselves speak for."""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases

from tlzoo.errors import DataError, unknown_name

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_MARKLESS = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_EVIDENCE = 256 * 1024
"""Bytes of lines with accents or other alphabets that detection looks at."""
_FOREIGN = re.compile(rb"[^\n]*[\x80-\xff][^\n]*")


def check_encoding(name: str) -> str:
    """Returns an encoding's name as Python spells it.

    Raises:
        UnknownNameError: Python has no such encoding; the error suggests one.

    Example:
        >>> check_encoding("Latin-1")
        'iso8859-1'
    """
    try:
        b"x".decode(name, "replace")  # fails for codecs that give no text, such as `hex`
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        known = {word.replace("_", "-") for word in aliases.values()} | {"utf-8-sig"}
        raise unknown_name("encoding", name, known) from None


def decode(content: bytes, encoding: str | None = None, where: str = "the text") -> tuple[str, str]:
    """Decodes a file's content; a byte order mark at its start is not part of the text.

    Args:
        content: The bytes.
        encoding: Name of the encoding; None looks for a mark, tries UTF-8 and then guesses from the bytes.
        where: What errors call the content, in quotes where it is a path.

    Returns:
        The text, and the name of the encoding.

    Raises:
        UsageError: There is no encoding of that name.
        DataError: The bytes are not of that encoding.

    Example:
        >>> decode("Füße".encode("utf-16"))
        ('Füße', 'utf-16')
    """
    asked = check_encoding(encoding) if encoding is not None else None
    name = asked or marked(content) or ("utf-8" if is_utf8(content) else guess(content))
    try:
        text = content.decode("utf-8-sig" if name == "utf-8" else name)
    except UnicodeError as error:
        raise _undecodable(error, name, where, named=asked is not None) from error
    return text.removeprefix("\ufeff") if name in _MARKLESS else text, name


def marked(content: bytes) -> str | None:
    """Returns the encoding that a byte order mark announces; None without a mark."""
    return next((name for mark, name in _MARKS if content.startswith(mark)), None)


def is_utf8(content: bytes) -> bool:
    """Tells if bytes are UTF-8 and are not UTF-16 without a mark, which for plain English is UTF-8 too."""
    if _markless(content):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def guess(content: bytes) -> str:
    """Returns the likeliest encoding of bytes that are neither marked nor UTF-8.

    Only lines that hold anything but ASCII are evidence. Of encodings that explain them equally well Windows-1252
    wins: single accents say nothing about which of its many cousins a file is in.
    """
    if name := _markless(content):
        return name
    from charset_normalizer import from_bytes  # only files in old encodings pay for it

    matches = from_bytes(_evidence(content))
    best = matches.best()
    if best is not None:
        rivals = [one for one in matches if (one.chaos, one.coherence) == (best.chaos, best.coherence)]
        names = [name for one in rivals for name in one.could_be_from_charset]
        for name in ("cp1252", *names):
            if (name in names) and _decodes(content, name):
                return codecs.lookup(name).name
    return "cp1252" if _decodes(content, "cp1252") else "iso8859-1"


def _evidence(content: bytes) -> bytes:
    lines, room = [], _EVIDENCE
    for match in _FOREIGN.finditer(content):
        lines.append(match[0][:room])
        room -= len(lines[-1])
        if room <= 0:
            break
    return b"\n".join(lines)


def _decodes(content: bytes, name: str) -> bool:
    try:
        content.decode(name)
    except UnicodeError:
        return False
    return True


def _markless(content: bytes) -> str | None:
    """Returns UTF-16's name for bytes of which every other one is mostly zero; real texts hold hardly any zeros."""
    sample = content[: 2 * 4096]
    if len(sample) < 2 or len(content) % 2:
        return None
    first, second = sample[0::2].count(0), sample[1::2].count(0)
    enough = len(sample) // 2 * 0.4
    name = ""
    if second > enough and first == 0:
        name = "utf-16-le"
    elif first > enough and second == 0:
        name = "utf-16-be"
    return name if name and _decodes(content, name) else None


def _undecodable(error: UnicodeError, name: str, where: str, *, named: bool) -> DataError:
    at = ""
    if isinstance(error, UnicodeDecodeError):
        at = f" (byte 0x{error.object[error.start]:02x} at position {error.start:,})"
    return DataError(
        f"{where} is not {name}{at}.",
        allowed=f"text in {name}." if named else "a whole text file.",
        do="Name the right encoding, or none to have it detected." if named else "Save it again as UTF-8.",
    )

"""A JSON parser for what python-rapidjson cannot read: nesting of any depth, bytes that are not UTF-8, lone surrogates.

It says what RapidJSON 1.1.0 says when it parses iteratively (reader.h, IterativeParse), with the same offsets, and it
keeps its own stack, so nothing can exhaust Python's. It is some twenty times slower than python-rapidjson.
"""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn

import rapidjson

from tlzoo.serving.json_text import text_of
from tlzoo.serving.json_values import Object

NUMBERS: Final[int] = rapidjson.NM_NATIVE | rapidjson.NM_NAN
"""Integers up to 64 bits are int, other numbers float; `NaN` and `Infinity` are numbers."""

_SPACE = re.compile(rb"[ \n\r\t]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX = re.compile(rb"[0-9A-Fa-f]{4}")
_NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]*)?")
_WORDS = {b"n": (b"null", None), b"t": (b"true", True), b"f": (b"false", False)}
_NAN_WORDS = {b"N": (b"NaN", float("nan")), b"I": (b"Inf", float("inf"))}
_ESCAPES = {
    **{bytes([byte]): bytes([byte]) for byte in b'"\\/'},
    **{b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"},
}


class ParseError(Exception):
    """Text that is not JSON.

    Attributes:
        message: RapidJSON's words.
        offset: Where, in bytes.
    """

    def __init__(self, message: str, offset: int) -> None:
        self.message = message
        self.offset = offset
        super().__init__(message, offset)


def parse(body: bytes) -> Any:
    """Parses the first value of a text and ignores what follows it.

    Args:
        body: JSON. Strings may hold any bytes; those that are not UTF-8 become surrogate escapes.

    Returns:
        None, bool, int, float, str, list or `Object`.

    Raises:
        ParseError: It is not JSON.
    """
    return _Parser(body).parse()


class _Parser:
    def __init__(self, body: bytes) -> None:
        # A NUL ends the text, as it ends RapidJSON's streams.
        self.body = body.partition(b"\0")[0]
        self.at = 0
        self.open: list[Any] = []
        self.names: list[str] = []

    def parse(self) -> Any:
        self._skip()
        if self._peek() in (b"", b"]", b"}", b",", b":"):
            self._refuse("The document is empty.")
        while True:
            finished, value = self._value()
            if finished:
                finished, value = self._attached(value)
            if finished:
                return value

    def _value(self) -> tuple[bool, Any]:
        """Reads a scalar or an empty container, or opens a container and says that it is not finished."""
        byte = self._peek()
        if byte == b"[":
            return self._start([], b"]")
        if byte == b"{":
            return self._start(Object(), b"}")
        if byte == b'"':
            return True, self._string()
        if byte in _WORDS:
            word, value = _WORDS[byte]
            self._word(word)
            return True, value
        return True, self._number()

    def _start(self, container: Any, end: bytes) -> tuple[bool, Any]:
        self.at += 1
        self._skip()
        if self._peek() == end:
            self.at += 1
            return True, container
        self.open.append(container)
        if end == b"}":
            self._name()
        return False, None

    def _attached(self, value: Any) -> tuple[bool, Any]:
        """Puts a finished value into what is open and closes what ends there; says whether that was all, and what."""
        while self.open:
            container = self.open[-1]
            self._skip()
            byte = self._peek()
            if type(container) is list:
                container.append(value)
                end, missing = b"]", "Missing a comma or ']' after an array element."
            else:
                container.append((self.names.pop(), value))
                end, missing = b"}", "Missing a comma or '}' after an object member."
            if byte not in (b",", end):
                self._refuse(missing)
            self.at += 1
            if byte == b",":
                self._skip()
                if end == b"}":
                    self._name()
                return False, None
            value = self.open.pop()
        return True, value

    def _name(self) -> None:
        if self._peek() != b'"':
            self._refuse("Missing a name for object member.")
        self.names.append(self._string())
        self._skip()
        if self._peek() != b":":
            self._refuse("Missing a colon after a name of object member.")
        self.at += 1
        self._skip()

    def _string(self) -> str:
        self.at += 1
        parts: list[bytes] = []
        while True:
            end = _end(_PLAIN, self.body, self.at)
            parts.append(self.body[self.at : end])
            self.at = end
            byte = self._peek()
            if byte == b'"':
                self.at += 1
                return text_of(b"".join(parts))
            if byte != b"\\":
                # RapidJSON 1.1.0 has no other words for control characters.
                wrong = (
                    "Invalid escape character in string."
                    if byte
                    else "Missing a closing quotation mark in string."
                )
                self._refuse(wrong)
            parts.append(self._escape())

    def _escape(self) -> bytes:
        start = self.at
        letter = self.body[start + 1 : start + 2]
        self.at += 2
        if letter in _ESCAPES:
            return _ESCAPES[letter]
        if letter != b"u":
            self._refuse("Invalid escape character in string.", start)
        code = self._hex(start)
        if 0xD800 <= code < 0xDC00:
            low = self._hex(start) if self._took(b"\\u") else 0
            if not 0xDC00 <= low < 0xE000:
                self._refuse("The surrogate pair in string is invalid.", start)
            code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00))
        # A low surrogate alone is written as if it were a character.
        return chr(code).encode("utf-8", "surrogatepass")

    def _hex(self, start: int) -> int:
        match = _HEX.match(self.body, self.at)
        if match is None:
            self._refuse("Incorrect hex digit after \\u escape in string.", start)
        self.at = match.end()
        return int(match[0], 16)

    def _number(self) -> int | float:
        start = self.at
        match = _NUMBER.match(self.body, start)
        if match is None:
            return self._not_finite()
        whole, fraction, exponent = match.groups(b"")
        if fraction == b".":
            self._refuse("Miss fraction part in number.", match.end(2))
        if exponent and not exponent[-1:].isdigit():
            self._refuse("Miss exponent in number.", match.end(3))
        self.at = match.end()
        try:
            number: int | float = rapidjson.loads(match[0], number_mode=NUMBERS)
        except rapidjson.JSONDecodeError:
            if not _becomes_infinite(whole, fraction, exponent):
                self._refuse("Number too big to be stored in double.", start)
            number = float(match[0])
        return number

    def _not_finite(self) -> float:
        minus = self._took(b"-")
        if self._peek() not in _NAN_WORDS:
            self._refuse("Invalid value.")
        word, value = _NAN_WORDS[self._peek()]
        self._word(word)
        if word == b"Inf" and self._peek() == b"i":
            self._word(b"inity")
        return -value if minus else value

    def _word(self, word: bytes) -> None:
        for index in range(len(word)):
            if not self._took(word[index : index + 1]):
                self._refuse("Invalid value.")

    def _took(self, text: bytes) -> bool:
        taken = self.body.startswith(text, self.at)
        self.at += len(text) if taken else 0
        return taken

    def _peek(self) -> bytes:
        return self.body[self.at : self.at + 1]

    def _skip(self) -> None:
        self.at = _end(_SPACE, self.body, self.at)

    def _refuse(self, message: str, at: int | None = None) -> NoReturn:
        raise ParseError(message, self.at if at is None else at)


def _end(pattern: re.Pattern[bytes], text: bytes, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _becomes_infinite(whole: bytes, fraction: bytes, exponent: bytes) -> bool:
    """Returns whether RapidJSON 1.1.0 takes a number above the largest double for infinity.

    It refuses exponents by their size alone, and never multiplies before it looks.
    """
    if not exponent:
        return False
    digits = min(len(fraction) - 1 if fraction else 0, max(0, 17 - len(whole)))
    return len(whole) <= 308 and len(exponent) < 8 and int(exponent[1:]) <= 308 + digits

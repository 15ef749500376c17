"""Bodies of requests, parsed by RapidJSON under TensorFlow Serving's flags: iterative, NaN and Inf, stop when done."""

from __future__ import annotations

import re
from typing import Any

import rapidjson

from tlzoo.protocol.status import invalid
from tlzoo.serving.json_parser import NUMBERS, ParseError, parse
from tlzoo.serving.json_values import Object, shown

_ERROR = re.compile(r"Parse error at offset (\d+): (.*)", re.DOTALL)
_MARK = re.compile(rb"\xef?\xbb?\xbf?")
_TRAILING = "The document root must not be followed by other values."
_RENAMED = {"Invalid encoding in string.": "Invalid escape character in string."}
"""Newer words of RapidJSON, and those of the release that TensorFlow Serving builds with."""
_DISPUTED = ("The surrogate pair in string is invalid.", "Number too big to be stored in double.")
"""What newer RapidJSON refuses and that release may not."""


class _Decoder(rapidjson.Decoder):
    """Makes objects that keep equal names."""

    start_object = Object


_DECODER = _Decoder(number_mode=NUMBERS)


def read_json(body: bytes) -> Object:
    """Parses the body of a request; text after its first value is ignored.

    Strings keep bytes that are not UTF-8 as surrogate escapes (`json_text.bytes_of` gives them back), objects keep
    equal names, and `1` is an int where `1.0` is a float.

    Raises:
        ServingError: INVALID_ARGUMENT `JSON Parse error: …` in RapidJSON's words, or `JSON Value: … Is not object`.

    Source: ParseJson in tensorflow_serving/util/json_tensor.cc.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    mark = _MARK.match(body)
    skipped = mark.end() if mark else 0
    try:
        value = _value(body[skipped:])
    except ParseError as error:
        offset = error.offset + skipped
        raise invalid(f"JSON Parse error: {error.message} at offset: {offset}") from None
    if type(value) is not Object:
        raise invalid(f"JSON Value: {shown(value)} Is not object")
    return value


def _value(text: bytes) -> Any:
    try:
        return _DECODER(text)
    except (RecursionError, UnicodeDecodeError):
        return parse(text)
    except rapidjson.JSONDecodeError as error:
        match = _ERROR.fullmatch(str(error))
        if match is None:
            return parse(text)
        offset, message = int(match[1]), match[2]
    if message == _TRAILING:
        return _DECODER(text[:offset])
    if message in _DISPUTED:
        return parse(text)
    if (
        message == "Invalid value."
        and text[offset : offset + 1] in b"]},:"
        and not text[:offset].strip(b" \n\r\t")
    ):
        # An iterative parser has no value to call invalid yet.
        message = "The document is empty."
    raise ParseError(_RENAMED.get(message, message), offset)

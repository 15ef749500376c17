"""JSON values as RapidJSON's documents hold them: what kind they are, how messages quote them, bytes in Base64."""

from __future__ import annotations

import binascii
import string
from typing import Any, Final

from tlzoo.protocol.status import ServingError, invalid
from tlzoo.serving.json_text import decimal, quoted

SHOWN_CHARACTERS: Final = 16_384
"""A message quotes no more of a value than this."""

_ALPHABET: Final = (string.ascii_letters + string.digits + "+/").encode()
_SPACE: Final = b" \t\n\v\f\r"
_PAD: Final = b"=."


class Object(list[tuple[str, Any]]):
    """A JSON object: its members in their order, equal names and all."""

    __slots__ = ()

    def find(self, name: str) -> tuple[bool, Any]:
        """Returns whether there is such a member, and the first one's value."""
        for key, value in self:
            if key == name:
                return True, value
        return False, None


def kind(value: Any) -> str:
    """Returns RapidJSON's name of a value's kind."""
    if value is True or value is False:
        return str(value)
    kinds = {type(None): "Null", Object: "Object", list: "Array", str: "String"}
    return kinds.get(type(value), "Number")


def shown(value: Any) -> str:
    """Writes a value for a message, on one line, and no more than `SHOWN_CHARACTERS` of it.

    Nesting may be as deep as it likes: nothing here recurses.

    Example:
        >>> shown([1, 2.0, "a"])
        '[1, 2.0, "a"]'
    """
    parts: list[str] = []
    room = SHOWN_CHARACTERS
    # What is still to be written, last first: values, and text wrapped in a tuple.
    rest: list[Any] = [value]
    while rest:
        item = rest.pop()
        if type(item) is tuple:
            part = item[0]
        elif type(item) is list:
            part = "["
            rest.append(("]",))
            rest.extend(_joined([(element,) for element in item[:room]]))
        elif type(item) is Object:
            part = "{"
            rest.append(("}",))
            rest.extend(_joined([((f"{quoted(name)}: ",), element) for name, element in item[:room]]))
        else:
            part = _scalar(item, room)
        parts.append(part)
        room -= len(part)
        if room < 0:
            return "".join(parts)[:SHOWN_CHARACTERS] + "..."
    return "".join(parts)


def _joined(groups: list[tuple[Any, ...]]) -> list[Any]:
    """Returns what `rest` needs to write the groups with commas between, last first."""
    rest: list[Any] = []
    for index, group in enumerate(groups):
        rest.extend([(", ",), *group] if index else group)
    return rest[::-1]


def _scalar(value: Any, room: int) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if type(value) is str:
        return quoted(value[: room + 1])
    return decimal(value) if type(value) is float else str(value)


def is_base64(value: Any) -> bool:
    """Returns whether a value is `{"b64": "…"}`: exactly one member of that name, a string."""
    return type(value) is Object and len(value) == 1 and value[0][0] == "b64" and type(value[0][1]) is str


def base64_bytes(value: Object) -> bytes:
    """Decodes an object for which `is_base64` holds, as `absl::Base64Unescape` does.

    The alphabet is the standard one, white space counts for nothing, and padding (`=` or `.`) is left out or right.

    Raises:
        ServingError: INVALID_ARGUMENT `Unable to base64 decode`.
    """
    text = value[0][1]
    if not text.isascii():
        raise _undecodable()
    data = text.encode("ascii").translate(None, _SPACE)
    digits = data.rstrip(_PAD)
    missing = -len(digits) % 4
    if digits.translate(None, _ALPHABET) or missing == 3 or len(data) - len(digits) not in (0, missing):
        raise _undecodable()
    return binascii.a2b_base64(digits + b"=" * missing)


def _undecodable() -> ServingError:
    return invalid("Unable to base64 decode")

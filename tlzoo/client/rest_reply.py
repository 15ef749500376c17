"""The JSON of a reply, whatever it is about.

TensorFlow Serving writes bare `NaN` and `Infinity`, and strings that need not be UTF-8: Python's own reader takes both.
"""

from __future__ import annotations

import json
from typing import Any

from tlzoo.client.failures import foreign


def read(where: str, body: bytes) -> Any:
    """Reads a reply.

    Raises:
        ReplyError: It is no JSON object.
    """
    try:
        document = json.loads(body.decode("utf-8", "surrogateescape"), strict=False)
    except (ValueError, RecursionError) as error:
        raise foreign(where, f"no JSON ({error}): {excerpt(body)}") from error
    if not isinstance(document, dict):
        raise foreign(where, f"JSON that is no object: {excerpt(body)}")
    return document


def excerpt(body: bytes, most: int = 200) -> str:
    """Returns the beginning of a text on one line, for errors."""
    line = " ".join(body[: 4 * most].decode("utf-8", "replace").split())
    line = "".join(char if char.isprintable() else "\ufffd" for char in line)
    return repr(line if len(line) <= most else f"{line[:most]}…")

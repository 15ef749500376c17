"""Reads request bodies without trusting them: limited in size, in time, and in what gzip makes of them."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class BodyTooLargeError(Exception):
    """A body is larger than this server takes."""


class BodyTooSlowError(Exception):
    """A body did not arrive in time."""


class GoneError(Exception):
    """The caller hung up."""


async def read_body(receive: Receive, declared: str | None, *, most: int, seconds: float) -> bytes:
    """Reads a whole body.

    Args:
        receive: ASGI's.
        declared: The `Content-Length` header, if there is one.
        most: Bytes, at most.
        seconds: Time for all of it.

    Raises:
        BodyTooLargeError: It is larger than `most`, or says it will be.
        BodyTooSlowError: It has not arrived after `seconds`.
        GoneError: The caller hung up before its end.
    """
    if declared is not None and declared.isdecimal() and int(declared) > most:
        raise BodyTooLargeError
    chunks: list[bytes] = []
    size, end = 0, time.monotonic() + seconds
    while True:
        try:
            message = await asyncio.wait_for(receive(), max(0.0, end - time.monotonic()))
        except TimeoutError:
            raise BodyTooSlowError from None
        if message["type"] == "http.disconnect":
            raise GoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise BodyTooLargeError
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def inflated(body: bytes, most: int) -> bytes:
    """Returns a gzip body inflated, or nothing if it is not gzip or would be larger than `most` bytes.

    TensorFlow Serving logs such a body and goes on with an empty one (evhttp_request.cc).

    Example:
        >>> inflated(b"not gzip", 1000)
        b''
    """
    stream, parts, size = zlib.decompressobj(16 + zlib.MAX_WBITS), [], 0
    try:
        while body:
            part = stream.decompress(body, most + 1 - size)
            size += len(part)
            if size > most:
                return b""
            parts.append(part)
            if stream.eof:
                return b"".join(parts)
            if not part and not stream.unconsumed_tail:
                return b""
            body = stream.unconsumed_tail
    except zlib.error:
        return b""
    return b""

"""HTTP connections that nobody holds for ever: heads have a size and a time, and so have answers that nobody reads.

uvicorn limits neither: a head may grow without end, and a caller who sends a byte now and then keeps a connection (and
its file descriptor) for as long as it likes. Bodies are limited in `bodies.py`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 60.0
"""Time for a caller to send a request line and all headers, from the connection or from their first byte."""

UNREAD_SECONDS = 60.0
"""How long an answer may wait for its caller to read on."""

MOST_HEAD_BYTES = 256 * 1024
"""A head that is not complete after so many bytes is refused."""

_TOO_LARGE = b"The request line and headers are larger than %d bytes.\n" % MOST_HEAD_BYTES


class Guarded(HttpToolsProtocol):
    """uvicorn's protocol with these limits."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._head_bytes, self._in_head = 0, True
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, error: Exception | None) -> None:
        """Ends what was waited for."""
        self._cancel_timers()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Counts the bytes of a head, and waits for the rest of it."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._await_head()
        super().data_received(data)
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse()

    def on_headers_complete(self) -> None:
        """Stops waiting: the head is there."""
        self._in_head, self._head_bytes = False, 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expects the next head."""
        self._in_head = True
        super().on_message_complete()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keeps the connection of a caller who has said all there is to say, and still listens."""
        asked = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        if asked:
            self.cycle.keep_alive = False
        return asked

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, but never before the request that came ahead of it."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            super().send_400_response(msg)
        else:
            self.cycle.keep_alive = False
            self.flow.pause_reading()

    def pause_writing(self) -> None:
        """Begins to wait for a caller who does not read."""
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stops waiting: the caller reads again."""
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _refuse(self) -> None:
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        self.transport.write(head + b"Content-Length: %d\r\n\r\n" % len(_TOO_LARGE) + _TOO_LARGE)
        self.transport.close()

    def _cancel_timers(self) -> None:
        for timer in (self._head_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()

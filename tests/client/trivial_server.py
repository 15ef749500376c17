"""Servers that answer everything alike, in a thread: what a load generator is tried on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

import grpc
import httptools

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Http(asyncio.Protocol):
    """Answers each request with what `answer` returns for its number; None says nothing, b"" hangs up."""

    def __init__(self, seen: list[bytes], answer: Callable[[int], bytes | None]) -> None:
        self._seen, self._answer = seen, answer
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._seen.append(self._body)
        self._body = b""
        answer = self._answer(len(self._seen))
        if answer:
            self._transport.write(answer)
        elif answer is not None:
            self._transport.abort()


@contextlib.contextmanager
def http_server(
    answer: Callable[[int], bytes | None] = lambda number: OK,
) -> Iterator[tuple[int, list[bytes]]]:
    """Gives a port, and the bodies that came."""
    seen: list[bytes] = []

    async def start() -> tuple[int, Callable[[], None]]:
        server = await asyncio.get_running_loop().create_server(lambda: Http(seen, answer), "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1], server.close

    with _running(start) as port:
        yield port, seen


@contextlib.contextmanager
def grpc_server(code: grpc.StatusCode = grpc.StatusCode.OK) -> Iterator[tuple[int, list[bytes]]]:
    """Gives a port, and the messages that came to `Predict`."""
    seen: list[bytes] = []

    async def predict(data: bytes, context) -> bytes:
        seen.append(data)
        if code is not grpc.StatusCode.OK:
            await context.abort(code, "no")
        return b""

    async def start():
        server = grpc.aio.server()
        handlers = {"Predict": grpc.unary_unary_rpc_method_handler(predict)}
        service = grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", handlers)
        server.add_generic_rpc_handlers([service])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return port, lambda: server.stop(None)

    with _running(start) as port:
        yield port, seen


@contextlib.contextmanager
def _running(start) -> Iterator[int]:
    ready, found = threading.Event(), {}

    async def serve() -> None:
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()
        found["port"], close = await start()
        ready.set()
        await found["stop"].wait()
        if (closing := close()) is not None:
            await closing

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield found["port"]
    finally:
        found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(30)

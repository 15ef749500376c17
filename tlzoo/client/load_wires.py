"""Connections for load: they send bytes that are ready and read no more of answers than their code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httptools

from tlzoo.client.address import Address
from tlzoo.client.load import OK, TIMEOUT, Done, Wire
from tlzoo.client.options import Settings

_EXCERPT = 500
"""Bytes of an error that are kept."""

MOST_CHANNELS = 32
"""Connections of gRPC's callers together; each carries many calls at a time."""

_GRPC = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Channels of one process would else share one connection.
    ("grpc.use_local_subchannel_pool", 1),
)


def wires(address: Address, settings: Settings, verb: str = "Predict") -> Callable[[], Wire]:
    """Returns what makes connections to a server.

    Args:
        address: Of the server.
        settings: Token and certificates.
        verb: The method of PredictionService; HTTP requests carry theirs in themselves.
    """
    if address.protocol == "http":
        from tlzoo.client.rest_transport import tls_context

        context = tls_context(settings) if address.secure else None
        return lambda: RestWire(address.host, address.port, context)
    channels = Channels(address, settings, verb)
    return lambda: GrpcWire(channels)


class RestWire:
    """One caller by HTTP, on a connection that is kept alive and opened again where it was not.

    Args:
        host: Of the server.
        port: Of the server.
        tls: Whom to trust; None speaks plainly.
    """

    def __init__(self, host: str, port: int, tls: Any = None) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._loop = asyncio.get_running_loop()
        self._connection: _Connection | None = None
        self._opening: asyncio.Task[None] | None = None
        self._done: Done | None = None

    def send(self, request: bytes, done: Done) -> None:
        """Sends a whole request, head and body."""
        self._done = done
        if self._connection is None:
            self._opening = self._loop.create_task(self._open(request))
        else:
            self._connection.transport.write(request)

    def abort(self) -> None:
        """Closes the connection."""
        if self._opening is not None:
            self._opening.cancel()
        if self._connection is not None:
            self._connection.transport.abort()
            self._connection = None
        self._loop.call_soon(self.end, TIMEOUT, "no answer in time")

    def close(self) -> None:
        """Closes the connection."""
        self.abort()

    def end(self, code: str, message: str) -> None:
        """Ends the request that waits, if one does."""
        done, self._done = self._done, None
        if done is not None:
            done(code, message)

    def gone(self, connection: _Connection, message: str = "", code: str = "DISCONNECTED") -> None:
        """Forgets a connection; if it was still in use, the request that waits ends."""
        if connection is self._connection:
            self._connection = None
            self._loop.call_soon(self.end, code, message)

    def leave(self, connection: _Connection) -> None:
        """Closes a connection that the server will not keep."""
        self._connection = None
        connection.transport.close()

    async def _open(self, request: bytes) -> None:
        try:
            _, connection = await self._loop.create_connection(
                lambda: _Connection(self), self._host, self._port, ssl=self._tls
            )
        except OSError as error:
            self.end("UNREACHABLE", str(error))
        else:
            self._connection = connection
            connection.transport.write(request)


class _Connection(asyncio.Protocol):
    """Reads answers, and of them the status, the beginning of errors, and where they end."""

    def __init__(self, wire: RestWire) -> None:
        self._wire = wire
        self._parser = httptools.HttpResponseParser(self)
        self._code, self._excerpt = OK, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._wire.gone(self, str(error or "the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._wire.gone(self, str(error), "NO_HTTP")
            self.transport.abort()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._code = OK if status == 200 else str(status)

    def on_body(self, body: bytes) -> None:
        if self._code != OK and len(self._excerpt) < _EXCERPT:
            self._excerpt += body[:_EXCERPT]

    def on_message_complete(self) -> None:
        text, self._excerpt = self._excerpt.decode("utf-8", "replace"), b""
        if not self._parser.should_keep_alive():
            self._wire.leave(self)
        self._wire.end(self._code, text)


class Channels:
    """Connections that gRPC's callers share, where there are more callers than connections.

    Args:
        address: Of the server.
        settings: Token and certificates.
        verb: The method of PredictionService.
    """

    def __init__(self, address: Address, settings: Settings, verb: str) -> None:
        self._address, self._settings, self._verb = address, settings, verb
        self._open: list[tuple[Any, Any]] = []
        self._wires = 0
        token = settings.token
        self.headers = None if token is None else (("authorization", f"Bearer {token}"),)

    def method(self) -> Any:
        """Returns what one more caller calls."""
        if len(self._open) < MOST_CHANNELS:
            channel = self._channel()
            path = f"/tensorflow.serving.PredictionService/{self._verb}"
            self._open.append((channel, channel.unary_unary(path)))
        self._wires += 1
        return self._open[self._wires % len(self._open)][1]

    def give_back(self) -> None:
        """Closes all connections once the last caller has gone."""
        self._wires -= 1
        if not self._wires:
            channels, self._open = self._open, []
            self._closing = [asyncio.ensure_future(channel.close()) for channel, _ in channels]

    def _channel(self) -> Any:
        import grpc

        from tlzoo.client.grpc_transport import channel_credentials

        target = self._address.authority
        if self._address.secure:
            return grpc.aio.secure_channel(target, channel_credentials(self._settings), options=_GRPC)
        return grpc.aio.insecure_channel(target, options=_GRPC)


class GrpcWire:
    """One caller by gRPC.

    Args:
        channels: Where it calls.
    """

    def __init__(self, channels: Channels) -> None:
        import grpc

        self._error = grpc.aio.AioRpcError
        self._channels, self._method = channels, channels.method()
        self._loop = asyncio.get_running_loop()
        self._asking: asyncio.Task[None] | None = None

    def send(self, request: bytes, done: Done) -> None:
        """Sends a serialized message."""
        self._asking = self._loop.create_task(self._ask(request, done))

    def abort(self) -> None:
        """Ends the call that waits."""
        if self._asking is not None:
            self._asking.cancel()

    def close(self) -> None:
        """Ends the call that waits, and gives the connection back."""
        self.abort()
        self._channels.give_back()

    async def _ask(self, request: bytes, done: Done) -> None:
        code, message = OK, ""
        try:
            await self._method(request, metadata=self._channels.headers)
        except self._error as error:
            code, message = error.code().name, error.details() or ""
        except asyncio.CancelledError:
            code, message = TIMEOUT, "no answer in time"
        done(code, message[:_EXCERPT])

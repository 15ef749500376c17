"""A whole server in a thread of the test's process, on free ports, and the plainest of callers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tlzoo.serving.options import ServerOptions
from tlzoo.serving.server import Server


@dataclass
class Reply:
    """What came back."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server, and how to reach it."""

    server: Server
    loop: asyncio.AbstractEventLoop
    rest_port: int
    grpc_port: int

    def ask(self, method: str, target: str, body: bytes | str | None = None, headers=None) -> Reply:
        """Sends one request on a connection of its own; the target goes out as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, target, skip_accept_encoding=True)
            data = body.encode() if isinstance(body, str) else body
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            reply = connection.getresponse()
            return Reply(reply.status, reply.read(), dict(reply.getheaders()))

    def run(self, work: Any) -> Any:
        """Runs a coroutine on the server's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


def free_port() -> int:
    """Returns the number of a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(options: ServerOptions) -> Iterator[Running]:
    """Starts a server and stops it afterwards; ports that are not 0 are replaced by free ones."""
    ports = {name: free_port() if getattr(options, name) else 0 for name in ("rest_port", "grpc_port")}
    options = replace(options, **ports)
    started: threading.Event = threading.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        server = Server(options)
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with server:
            found["server"] = server
            started.set()
            await found["stop"].wait()

    def work() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            found["error"] = error
        started.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert started.wait(120)
        if "error" in found:
            raise found["error"]
        yield Running(found["server"], found["loop"], **ports)
    finally:
        if "server" in found:
            found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(120)

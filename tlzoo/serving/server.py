"""The server as a whole: its ports, its start, and an end that loses no request."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tlzoo.errors import BundleError, UsageError
from tlzoo.protocol.status import ServingError
from tlzoo.serving.access_log import AccessLog
from tlzoo.serving.api import Api
from tlzoo.serving.core import Core
from tlzoo.serving.limits import Limits
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import ServerOptions
from tlzoo.serving.page import page
from tlzoo.serving.request_log import RequestLog
from tlzoo.serving.rest import Operators, Rest

if TYPE_CHECKING:
    import uvicorn

log = logging.getLogger("tlzoo.serving")

LAME_DUCK_SECONDS = 1.0
"""How long a server that is going still takes connections, so that balancers and keep-alive callers notice."""


class Server:
    """A server in this process.

    Args:
        options: Everything it is told.

    Raises:
        UsageError: A port is taken, or the token file cannot be read.

    Example:
        >>> async with Server(options) as server:  # doctest: +SKIP
        ...     await server.wait()
    """

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.metrics = Metrics()
        self._limits = Limits(options.additions)
        more = options.additions
        self._access_log = AccessLog(more.access_log) if more.access_log else None
        log_file, rate = more.request_log, more.request_log_rate
        self._request_log = RequestLog(log_file, rate, self.metrics) if log_file is not None else None
        self.core = Core(options, self.metrics)
        self._operators = Operators(self.core.ready, self._page, self.metrics)
        # Bound at once, so that a port that is taken is an error before a minute of loading; not yet listening.
        self._socket = bind(options.host, options.rest_port, "--rest_api_port") if options.rest_port else None
        self._http: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._grpc: Any = None
        self._stop = asyncio.Event()

    async def start(self) -> None:
        """Loads all models, then opens the ports.

        Raises:
            BundleError: A model does not load, or the gRPC port is taken.
        """
        await asyncio.to_thread(_import_tensorflow, self.options)
        try:
            await self.core.start()
        except ServingError as error:
            raise BundleError(error.message, do="Mend or remove that version, then start again.") from error
        if self._socket is not None:
            await self._open_http(self._socket)
        if self.options.grpc_port:
            from tlzoo.serving.grpc_server import start_grpc

            self._grpc = await start_grpc(
                self.core, self.options, self.metrics, self._limits, self._access_log, self._request_log
            )

    async def wait(self) -> None:
        """Returns once somebody asked the server to stop."""
        await self._stop.wait()

    def stop(self) -> None:
        """Asks the server to stop; `drain` then does it."""
        self._stop.set()

    async def drain(self) -> None:
        """Stops: says it is not ready, finishes what runs, unloads, closes."""
        self._operators.draining = True
        seconds = self.options.additions.drain_seconds
        if self._http is not None or self._grpc is not None:
            await asyncio.sleep(min(LAME_DUCK_SECONDS, seconds))
        await asyncio.gather(self._close_http(seconds), self._close_grpc(seconds))
        if self._socket is not None:  # never listened at, where the start failed
            self._socket.close()
        await self.core.close()
        for one in (self._access_log, self._request_log):
            if one is not None:
                one.close()

    async def __aenter__(self) -> Server:
        try:
            await self.start()
        except BaseException:
            await self.drain()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drain()

    async def _open_http(self, listening: socket.socket) -> None:
        import uvicorn

        from tlzoo.serving.connections import Guarded

        timeout = self.options.rest_timeout_seconds or None
        told = self._access_log.tell if self._access_log is not None else None
        api = Api(self.core, self.metrics, timeout, self._request_log)
        config = uvicorn.Config(
            Rest(api, self._operators, self.options, self._limits, told),
            http=Guarded,
            ws="none",
            lifespan="off",
            log_config=None,
            # A line for each request that is no HTTP would let strangers fill the disk.
            log_level="error",
            access_log=False,
            # Callers say who they are with their address, not with a header.
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, round(self.options.additions.drain_seconds)),
        )
        self._http = _quiet(config)
        self._serving = asyncio.create_task(self._http.serve(sockets=[listening]))
        while not self._http.started and not self._serving.done():
            await asyncio.sleep(0.005)

    async def _close_http(self, seconds: float) -> None:
        if self._http is None or self._serving is None:
            return
        self._http.should_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._serving, seconds + 1.0)

    async def _close_grpc(self, seconds: float) -> None:
        if self._grpc is not None:
            await self._grpc.stop(seconds)

    def _page(self) -> bytes | None:
        return page(self.core.models, self.core.labels) if self.options.additions.index_page else None


def serve(options: ServerOptions) -> int:
    """Runs a server until SIGTERM or SIGINT, and returns 0.

    Raises:
        UsageError: A port is taken, or the token file cannot be read.
        BundleError: A model does not load.
    """
    with _loop_runner() as runner:
        return runner.run(_serve(options))


async def _serve(options: ServerOptions) -> int:
    server = Server(options)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, server.stop)
    begun = asyncio.create_task(server.start())
    asked = asyncio.create_task(server.wait())
    await asyncio.wait({begun, asked}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if begun.done():
            begun.result()
            _say(server)
            await asked
            log.info(
                "draining: no new work; running requests may take %g seconds", options.additions.drain_seconds
            )
        else:
            begun.cancel()
    finally:
        asked.cancel()
        await server.drain()
    return 0


def bind(host: str, port: int, flag: str) -> socket.socket:
    """Returns a socket bound to a port, not yet listening.

    Raises:
        UsageError: It is taken, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UsageError(
            f"{host}:{port} cannot be opened: {error.strerror}.",
            allowed="a free port of an address of this machine.",
            do=f"Name another with {flag}, or stop what uses it.",
        ) from error
    return bound


def _loop_runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:  # Windows has none.
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _import_tensorflow(options: ServerOptions) -> None:
    import tensorflow as tf

    if options.intra_op_threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.intra_op_threads)
    if options.inter_op_threads:
        tf.config.threading.set_inter_op_parallelism_threads(options.inter_op_threads)
    tf.constant(0)  # Its runtime starts with the first tensor.
    # What is imported by now stays; collections after an unload need not walk through all of it.
    gc.collect()
    gc.freeze()


def _say(server: Server) -> None:
    """Tells where the server listens."""
    options = server.options
    names = ", ".join(one.name for one in server.core.models)
    ports = []
    if options.rest_port:
        ports.append(f"http://{options.host}:{options.rest_port}")
    if options.grpc_port:
        ports.append(f"grpc://{options.host}:{options.grpc_port}")
    print(f"serving {names} on {' and '.join(ports)}", file=sys.stderr, flush=True)  # noqa: T201


def _quiet(config: uvicorn.Config) -> uvicorn.Server:
    """Returns an HTTP server that leaves signals to whoever runs it."""
    import uvicorn

    class Quiet(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Quiet(config)

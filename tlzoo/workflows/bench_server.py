"""A server of one's own to measure: `tlzoo serve` in a process, on free ports, for as long as it is needed."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tlzoo.errors import BundleError

_STARTED = "serving "
_STOP_SECONDS = 60.0


@dataclass(frozen=True)
class OwnServer:
    """A running server.

    Attributes:
        rest_port: Of its REST API.
        grpc_port: Of gRPC.
        pid: Of its process.
    """

    rest_port: int
    grpc_port: int
    pid: int

    def url(self, protocol: str) -> str:
        """Returns its URL for `rest` or `grpc`."""
        if protocol == "grpc":
            return f"grpc://127.0.0.1:{self.grpc_port}"
        return f"http://127.0.0.1:{self.rest_port}"


@contextlib.contextmanager
def own_server(bundle: str, flags: Sequence[str] = ()) -> Iterator[OwnServer]:
    """Starts a server, waits until it serves, and stops it afterwards.

    Args:
        bundle: What it serves, as `tlzoo serve` takes it.
        flags: Further words of `tlzoo serve`.

    Raises:
        BundleError: It did not start; its own last words are quoted.
    """
    rest_port, grpc_port = _free_ports(2)
    words = [sys.executable, "-m", "tlzoo", "serve", bundle, *flags]
    words += [f"--rest_api_port={rest_port}", f"--port={grpc_port}"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said: deque[str] = deque(maxlen=20)
    started = threading.Event()

    def listen() -> None:
        assert process.stderr is not None  # noqa: S101
        for line in process.stderr:
            said.append(line.rstrip())
            if line.startswith(_STARTED):
                started.set()
        process.wait()
        started.set()

    before = _end_on_sigterm()
    listener = threading.Thread(target=listen, name="tlzoo-listen", daemon=True)
    listener.start()
    try:
        started.wait()
        if process.poll() is not None:
            raise BundleError(
                f"the server for '{bundle}' did not start: {' | '.join(said) or 'it said nothing'}",
                allowed="what `tlzoo serve` can serve.",
                do=f"Try it alone: tlzoo serve {bundle}",
            )
        yield OwnServer(rest_port, grpc_port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        listener.join(_STOP_SECONDS)
        if process.stderr is not None:
            process.stderr.close()
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _end_on_sigterm() -> Any:
    """Has SIGTERM end this process in order, so that no server outlives it; returns what it did before, or None."""
    if threading.current_thread() is not threading.main_thread():
        return None

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    return signal.signal(signal.SIGTERM, end)


def _free_ports(count: int) -> list[int]:
    """Returns numbers of ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]

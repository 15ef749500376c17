"""Load on a server: requests that keep coming, in a closed or an open loop, and when each was answered.

In a closed loop every caller waits for its answer before it asks again, so that a slow server is asked less. In an open
loop requests are due at times of their own, whatever the server does, and a latency counts from the time a request was
due, not from when a connection was free for it: waiting in line is what callers feel ("coordinated omission").
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

OK = "OK"
"""The code of an answer that is none of an error."""

TIMEOUT = "TIMEOUT"
"""The code of a request that was given up."""

_CHECK_SECONDS = 0.25
_BACKOFF_SECONDS = 0.1
"""How long a caller waits after a connection that failed."""

_PACE_SECONDS = 0.0005
"""Requests that are due within it are handed over together."""


@dataclass(frozen=True)
class Load:
    """How a server is asked.

    Attributes:
        connections: Callers of a closed loop; requests in flight, at most, of an open one.
        rate: Requests a second; None closes the loop.
        arrivals: When requests of an open loop are due: at random (a Poisson process), or evenly.
        seconds: How long is measured.
        requests: Requests that are measured, at most; None leaves it to `seconds`.
        warmup_seconds: How long the server is asked before anything counts.
        timeout: Seconds after which a request counts as `TIMEOUT`, and its connection is closed.
        seed: Of arrivals.
    """

    connections: int = 32
    rate: float | None = None
    arrivals: Literal["poisson", "even"] = "poisson"
    seconds: float = 10.0
    requests: int | None = None
    warmup_seconds: float = 2.0
    timeout: float = 60.0
    seed: int = 0


@dataclass(frozen=True)
class Samples:
    """What became of requests. Times are seconds since measuring began; what is negative was warm-up.

    Attributes:
        due: When each should have been sent, float64 (n,).
        sent: When it was, float64 (n,).
        done: When its answer had come, float64 (n,).
        codes: `OK`, or what it was answered with, object (n,).
        messages: The first text of each code that is an error.
        seconds: How long was measured.
        cpu_seconds: Processor time of this process meanwhile.
    """

    due: np.ndarray
    sent: np.ndarray
    done: np.ndarray
    codes: np.ndarray
    messages: dict[str, str]
    seconds: float
    cpu_seconds: float


Done = Callable[[str, str], None]
"""Called with a code, and with a text if that is an error."""


class Wire(Protocol):
    """One caller's connection, opened again where it broke."""

    def send(self, request: bytes, done: Done) -> None:
        """Sends a request; only one at a time. `done` is called later, never at once."""

    def abort(self) -> None:
        """Gives up the request on its way, which ends with `TIMEOUT`."""

    def close(self) -> None:
        """Gives up a request on its way, and the connection for good."""


async def apply(load: Load, requests: Sequence[bytes], wire: Callable[[], Wire]) -> Samples:
    """Asks a server, and waits for the last answers.

    Args:
        load: How.
        requests: What is sent, in turn and over again.
        wire: Makes a connection.

    Example:
        >>> samples = await apply(Load(seconds=5), requests, rest_wire)  # doctest: +SKIP
        >>> np.median(samples.done - samples.due)  # doctest: +SKIP
        0.021
    """
    run = _Open(load, requests, wire) if load.rate else _Closed(load, requests, wire)
    return await run.samples()


@dataclass(eq=False)
class _Caller:
    wire: Wire
    due: float = 0.0
    sent: float = 0.0
    busy: bool = False


@dataclass
class _Records:
    due: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)


class _Run:
    """What both loops share: callers, records, and an end."""

    def __init__(self, load: Load, requests: Sequence[bytes], wire: Callable[[], Wire]) -> None:
        self.load, self._requests, self._wire = load, itertools.cycle(requests), wire
        self.loop = asyncio.get_running_loop()
        self.callers: list[_Caller] = []
        self._records, self._ended = _Records(), asyncio.Event()
        self._counted = 0
        self._cpu = 0.0
        self.begin = self.end = 0.0

    async def samples(self) -> Samples:
        self.begin = time.perf_counter() + self.load.warmup_seconds
        self.end = self.begin + self.load.seconds
        self.loop.call_later(self.load.warmup_seconds, self._mark)
        watch = self.loop.create_task(self._watch())
        try:
            self.start()
            await self._ended.wait()
        finally:
            watch.cancel()
            self.stop()
            for caller in self.callers:
                caller.wire.close()
        return self._samples()

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Ends what is not a caller."""

    def freed(self, caller: _Caller) -> None:
        """Decides what a caller whose answer has come does next."""
        raise NotImplementedError

    def more(self) -> bool:
        """Returns whether another request may be sent."""
        enough = self.load.requests is not None and self._counted >= self.load.requests
        return not enough and time.perf_counter() < self.end

    def add(self) -> _Caller:
        caller = _Caller(self._wire())
        self.callers.append(caller)
        return caller

    def ask(self, caller: _Caller, due: float) -> None:
        caller.due, caller.sent, caller.busy = due, time.perf_counter(), True
        self._counted += due >= self.begin
        caller.wire.send(next(self._requests), functools.partial(self._done, caller))

    def finish_if_idle(self) -> None:
        if not any(caller.busy for caller in self.callers):
            self._ended.set()

    def _done(self, caller: _Caller, code: str, message: str) -> None:
        records = self._records
        records.due.append(caller.due)
        records.sent.append(caller.sent)
        records.done.append(time.perf_counter())
        records.codes.append(code)
        caller.busy = False
        if code == OK:
            return self.freed(caller)
        records.messages.setdefault(code, message)
        # Whoever is turned away at once would otherwise do nothing but knock.
        caller.busy = True
        self.loop.call_later(_BACKOFF_SECONDS, self._rested, caller)
        return None

    def _rested(self, caller: _Caller) -> None:
        caller.busy = False
        self.freed(caller)

    def _mark(self) -> None:
        self._cpu = time.process_time()

    async def _watch(self) -> None:
        """Closes connections whose request takes too long."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            late = time.perf_counter() - self.load.timeout
            for caller in self.callers:
                if caller.busy and caller.sent < late:
                    caller.wire.abort()

    def _samples(self) -> Samples:
        found = self._records
        due, sent, done = (np.array(times) - self.begin for times in (found.due, found.sent, found.done))
        codes = np.empty(len(found.codes), object)
        codes[:] = found.codes
        counted = done[due >= 0]
        # Fewer requests than asked for seconds: what was measured ends with the last of them.
        enough = self.load.requests is not None and self._counted >= self.load.requests and len(counted)
        seconds = min(self.load.seconds, float(counted.max())) if enough else self.load.seconds
        cpu = time.process_time() - self._cpu if self._cpu else 0.0
        return Samples(due, sent, done, codes, found.messages, seconds, cpu)


class _Closed(_Run):
    def start(self) -> None:
        for _ in range(self.load.connections):
            self.ask(self.add(), time.perf_counter())

    def freed(self, caller: _Caller) -> None:
        if self.more():
            self.ask(caller, time.perf_counter())
        else:
            self.finish_if_idle()


class _Open(_Run):
    """Requests in line, and callers who take them."""

    def start(self) -> None:
        self._line: deque[float] = deque()
        self._idle: list[_Caller] = []
        self._stopped = threading.Event()
        self._over = False
        threading.Thread(target=self._pace, name="tlzoo-pace", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def freed(self, caller: _Caller) -> None:
        if self._line:
            self.ask(caller, self._line.popleft())
            return
        self._idle.append(caller)
        if self._over:
            self.finish_if_idle()

    def _pace(self) -> None:
        """Sleeps between arrivals in a thread: an event loop's timers are late by up to a millisecond."""
        start = self.begin - self.load.warmup_seconds
        counted, due = 0, 0.0
        times = _arrivals(self.load)
        batch: list[float] = []
        while due < self.end and (self.load.requests is None or counted < self.load.requests):
            due = start + next(times)
            if batch and (due >= self.end or due - batch[0] > _PACE_SECONDS):
                self._hand_over(batch)
                batch = []
            if due >= self.end or self._stopped.is_set():
                break
            counted += due >= self.begin
            batch.append(due)
        if batch:
            self._hand_over(batch)
        self._call(self._close)

    def _hand_over(self, batch: list[float]) -> None:
        time.sleep(max(0.0, batch[-1] - time.perf_counter()))
        self._call(self._arrived, batch)

    def _call(self, function: Callable[..., None], *given: Any) -> None:
        if not self._stopped.is_set():
            self.loop.call_soon_threadsafe(function, *given)

    def _arrived(self, batch: list[float]) -> None:
        for due in batch:
            if self._idle:
                self.ask(self._idle.pop(), due)
            elif len(self.callers) < self.load.connections:
                self.ask(self.add(), due)
            else:
                self._line.append(due)

    def _close(self) -> None:
        self._over = True
        if not self._line:
            self.finish_if_idle()


def _arrivals(load: Load) -> Iterator[float]:
    """Yields when requests are due, in seconds since the start."""
    assert load.rate is not None  # noqa: S101  Only open loops have arrivals.
    if load.arrivals == "even":
        yield from (number / load.rate for number in itertools.count())
    random, now = np.random.default_rng(load.seed), 0.0
    while True:
        for gap in random.exponential(1 / load.rate, 1024).tolist():
            now += gap
            yield now

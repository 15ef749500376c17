"""Joins requests of many callers into one run of the graph, and takes the answers apart again.

The words and limits are TensorFlow Serving's (session_bundle_config.proto, batching_session.cc). One thing is better
than there: where a joined run fails, or requests do not fit together, each runs alone, so that nobody pays for a
stranger's broken image.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from tlzoo.protocol.signature import Arrays
from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.serving.joining import join, part, rows_of, take_apart
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import BatchingOptions

Run = Callable[[Arrays], dict[str, np.ndarray]]


@dataclass(eq=False)
class _Request:
    inputs: Arrays
    rows: int
    answer: Future[dict[str, np.ndarray]] = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)


class _Batch:
    def __init__(self) -> None:
        self.requests: list[_Request] = []
        self.rows = 0

    def add(self, request: _Request) -> None:
        self.requests.append(request)
        self.rows += request.rows


class _Queue:
    """Batches of one signature and one set of outputs; the last one may still be open."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.batches: deque[_Batch] = deque()

    def take(self, singly: bool) -> _Batch:
        """Takes the oldest batch, or its oldest request alone."""
        oldest = self.batches[0]
        if not singly or len(oldest.requests) == 1:
            return self.batches.popleft()
        alone = _Batch()
        alone.add(oldest.requests.pop(0))
        oldest.rows -= alone.rows
        return alone


class Batching:
    """Threads that compute joined requests of one servable.

    Args:
        options: Sizes, waits and limits.
        metrics: Told how long requests waited and how large batches were.
        singly: Whether nothing is gained by computing requests together. They are queued and limited as ever, but then
            computed one by one, so that nobody waits for company, or for the last of a batch.

    Example:
        >>> batching = Batching(BatchingOptions(max_batch_size=32), Metrics())  # doctest: +SKIP
        >>> batching.submit(("serving_default", ("score",)), run, {"x": x}).result()  # doctest: +SKIP
        {'score': array([0.5, 0.25], dtype=float32)}
    """

    def __init__(self, options: BatchingOptions, metrics: Metrics, *, singly: bool = False) -> None:
        self._options, self._metrics, self._singly = options, metrics, singly
        self._most = options.max_batch_size
        if options.enable_large_batch_splitting and options.max_execution_batch_size:
            self._most = min(self._most, options.max_execution_batch_size)
        self._queues: dict[object, _Queue] = {}
        self._ready = threading.Condition()
        self._closed = False
        count = options.num_batch_threads or os.cpu_count() or 1
        self._threads = [
            threading.Thread(target=self._work, name="tlzoo-batch", daemon=True) for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, key: object, run: Run, inputs: Arrays) -> Future[dict[str, np.ndarray]]:
        """Queues a request.

        Args:
            key: Requests of one key may be joined: the signature and the outputs asked for.
            run: Computes a whole batch.
            inputs: Arrays that agree in their first dimension.

        Returns:
            Its outputs, in the future.

        Raises:
            ServingError: The inputs have no rows in common or too many (INVALID_ARGUMENT), or the queue is full
                (UNAVAILABLE).
        """
        rows = rows_of(inputs)
        splits = self._options.enable_large_batch_splitting
        if rows > self._options.max_batch_size and not splits:
            raise invalid(
                f"Task size {rows} is larger than maximum input batch size {self._options.max_batch_size}"
            )
        step = max(1, self._most)
        starts = range(0, rows, step) if rows > step else range(1)
        pieces = [_Request(part(inputs, at, at + step), min(step, rows - at)) for at in starts]
        with self._ready:
            queue = self._queues.setdefault(key, _Queue(run))
            self._refuse_if_full(queue, pieces)
            for piece in pieces:
                self._enqueue(queue, piece)
            self._ready.notify_all()
        return pieces[0].answer if len(pieces) == 1 else _joined([piece.answer for piece in pieces])

    def close(self) -> None:
        """Ends the threads, once what is queued is answered."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
        for thread in self._threads:
            thread.join()

    def _refuse_if_full(self, queue: _Queue, pieces: Sequence[_Request]) -> None:
        fits = bool(queue.batches) and queue.batches[-1].rows + pieces[0].rows <= self._most
        more = len(pieces) - fits
        if len(queue.batches) + more > self._options.max_enqueued_batches and more:
            raise ServingError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; "
                f"max_enqueued_batches is {self._options.max_enqueued_batches}",
            )

    def _enqueue(self, queue: _Queue, request: _Request) -> None:
        if not queue.batches or queue.batches[-1].rows + request.rows > self._most:
            queue.batches.append(_Batch())
        queue.batches[-1].add(request)

    def _work(self) -> None:
        while (found := self._next()) is not None:
            queue, batch = found
            now = time.perf_counter()
            for request in batch.requests:
                self._metrics.queuing((now - request.since) * 1e6)
            self._metrics.batch_size(batch.rows)
            self._compute(queue.run, batch.requests)

    def _next(self) -> tuple[_Queue, _Batch] | None:
        """Waits for a batch that is full, or old enough; None once closed and empty."""
        with self._ready:
            while True:
                waits = [(self._wait(queue), queue) for queue in self._queues.values() if queue.batches]
                if not waits and self._closed:
                    return None
                ripe = [queue for wait, queue in waits if wait <= 0]
                if ripe:
                    queue = min(ripe, key=lambda one: one.batches[0].requests[0].since)
                    return queue, queue.take(self._singly)
                self._ready.wait(min((wait for wait, _ in waits), default=None))

    def _wait(self, queue: _Queue) -> float:
        """Returns the seconds until the first batch of a queue must go."""
        first = queue.batches[0]
        if self._closed or self._singly or len(queue.batches) > 1 or first.rows >= self._most:
            return 0.0
        age = time.perf_counter() - first.requests[0].since
        return self._options.batch_timeout_micros / 1e6 - age

    def _compute(self, run: Run, requests: list[_Request]) -> None:
        live = [one for one in requests if one.answer.set_running_or_notify_cancel()]
        if not live:
            return
        try:
            answers = self._together(run, live)
        except Exception as error:
            if len(live) == 1:
                live[0].answer.set_exception(error)
            else:
                for one in live:
                    self._alone(run, one)
            return
        for one, answer in zip(live, answers, strict=True):
            one.answer.set_result(answer)

    def _together(self, run: Run, requests: list[_Request]) -> list[dict[str, np.ndarray]]:
        joined = join([one.inputs for one in requests], self._options)
        return take_apart(run(joined), [one.rows for one in requests], rows_of(joined))

    def _alone(self, run: Run, request: _Request) -> None:
        try:
            request.answer.set_result(self._together(run, [request])[0])
        except Exception as error:
            request.answer.set_exception(error)


def _joined(parts: list[Future[dict[str, np.ndarray]]]) -> Future[dict[str, np.ndarray]]:
    """Returns the answers of a request that was cut, one after the other."""
    whole: Future[dict[str, np.ndarray]] = Future()
    lock, missing = threading.Lock(), len(parts)

    def arrived(_: Future[dict[str, np.ndarray]]) -> None:
        nonlocal missing
        with lock:
            missing -= 1
            if missing:
                return
        if not whole.set_running_or_notify_cancel():
            return
        try:
            found = [one.result() for one in parts]
            whole.set_result({alias: np.concatenate([one[alias] for one in found]) for alias in found[0]})
        except Exception as error:
            whole.set_exception(error)

    for one in parts:
        one.add_done_callback(arrived)
    return whole

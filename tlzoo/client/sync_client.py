"""The client of programs that wait: `AsyncClient`, run by a loop in a thread of its own.

So there is one implementation of time limits, retries and batches, and several requests can be on their way at a time.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
import weakref
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from tlzoo.client.async_client import AsyncClient, OnError
from tlzoo.client.metadata import Metadata
from tlzoo.client.options import Options
from tlzoo.client.transport import Scored
from tlzoo.errors import NoAnswerError
from tlzoo.protocol.signature import DEFAULT_SIGNATURE
from tlzoo.protocol.status import VersionStatus

if TYPE_CHECKING:
    import numpy as np

    from tlzoo.items import Item, Named
    from tlzoo.predictions import Prediction

T = TypeVar("T")


class Client:
    """Asks one model of one server, TensorFlow Serving or tlzoo's own; safe to use from several threads.

    See `AsyncClient`: all its methods are here, under the same names.

    Args:
        url: `http://HOST:PORT`, `https://…`, `grpc://…` or `grpcs://…`; `/v1/models/NAME` may follow.
        model: The model's name, if the URL does not say it.
        **options: See `Options`.

    Raises:
        UsageError: The URL or an option makes no sense.

    Example:
        >>> with Client("http://localhost:8501", "photos", label="stable") as client:  # doctest: +SKIP
        ...     print([(one.item, one.label) for one in client.predict(["holiday/"])])
        [('holiday/a.jpg', 'cat'), ('holiday/b.png', 'dog')]
    """

    def __init__(self, url: str, model: str | None = None, **options: Unpack[Options]) -> None:
        def make() -> AsyncClient:
            return AsyncClient(url, model, **options)

        make()  # says what is wrong with the arguments, here and now
        self._make = make
        self._lock = threading.Lock()
        self._runner: _Runner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives connections and the thread back; asking again opens new ones."""
        with self._lock:
            runner, self._runner = self._runner, None
        if runner is not None:
            runner.stop()

    def metadata(self) -> Metadata:
        """As `AsyncClient.metadata`."""
        runner = self._running()
        return runner.run(runner.client.metadata())

    def status(self) -> list[VersionStatus]:
        """As `AsyncClient.status`."""
        runner = self._running()
        return runner.run(runner.client.status())

    def ready(self) -> bool:
        """As `AsyncClient.ready`."""
        runner = self._running()
        return runner.run(runner.client.ready())

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """As `AsyncClient.wait_until_ready`."""
        runner = self._running()
        runner.run(runner.client.wait_until_ready(timeout))

    def call(
        self,
        inputs: Mapping[str, Any] | Any,
        signature: str = DEFAULT_SIGNATURE,
        *,
        batch_size: int | None = None,
    ) -> dict[str, np.ndarray]:
        """As `AsyncClient.call`."""
        runner = self._running()
        return runner.run(runner.client.call(inputs, signature, batch_size=batch_size))

    def classify(
        self,
        examples: Iterable[Mapping[str, Any]],
        signature: str | None = None,
        *,
        context: Mapping[str, Any] | None = None,
    ) -> list[list[Scored]]:
        """As `AsyncClient.classify`."""
        runner = self._running()
        return runner.run(runner.client.classify(examples, signature, context=context))

    def regress(
        self,
        examples: Iterable[Mapping[str, Any]],
        signature: str | None = None,
        *,
        context: Mapping[str, Any] | None = None,
    ) -> list[float]:
        """As `AsyncClient.regress`."""
        runner = self._running()
        return runner.run(runner.client.regress(examples, signature, context=context))

    def predict(
        self,
        items: Iterable[Item | Named] | Item,
        *,
        signature: str | None = None,
        top: int | None = None,
        on_error: OnError = "report",
    ) -> list[Prediction]:
        """As `AsyncClient.predict`."""
        runner = self._running()
        return runner.run(runner.client.predict(items, signature=signature, top=top, on_error=on_error))

    def stream(
        self,
        items: Iterable[Item | Named] | Item,
        *,
        signature: str | None = None,
        top: int | None = None,
        on_error: OnError = "report",
    ) -> Iterator[Prediction]:
        """As `AsyncClient.stream`."""
        runner = self._running()
        answers = runner.client.stream(items, signature=signature, top=top, on_error=on_error)
        try:
            while (one := runner.run(_next(answers))) is not None:
                yield one
        finally:
            with contextlib.suppress(NoAnswerError):  # the client was closed meanwhile
                runner.run(_end(answers))

    def _running(self) -> _Runner:
        """Returns the loop's thread; a process that was forked starts its own."""
        with self._lock:
            if self._runner is None or self._runner.process != os.getpid():
                self._runner = _Runner(self._make())
                # Whoever forgets to close a client must not leave a thread behind.
                weakref.finalize(self, self._runner.stop)
            return self._runner


async def _next(answers: Any) -> Any:
    return await anext(answers, None)


async def _end(answers: Any) -> None:
    await answers.aclose()


class _Runner:
    """A thread with a loop, for one client.

    Args:
        client: What its coroutines are of.
    """

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.process = os.getpid()
        self._gate = threading.Lock()
        self._stopped = False
        self._asked: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="tlzoo-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for a coroutine; whoever is interrupted while waiting interrupts it too.

        Raises:
            NoAnswerError: The client is closed before there is an answer.
        """
        with self._gate:
            if self._stopped:
                work.close()
                raise _closed()
            future = asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError as error:
            raise _closed() from error
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """Ends what is asked, closes the client and ends the thread."""
        if self.process != os.getpid():
            return
        with self._gate:
            if self._stopped:
                return
            self._stopped = True
            ended = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        # Garbage may be collected by any thread, this one's own among them.
        if threading.current_thread() is not self._thread:
            with contextlib.suppress(TimeoutError):
                ended.result(timeout=5.0)
            self._thread.join(timeout=5.0)

    async def _tracked(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - coroutines run in tasks
        self._asked.add(task)
        try:
            return await work
        finally:
            self._asked.discard(task)

    async def _end(self) -> None:
        # Only whole questions: what they have begun below is theirs to end.
        asked = list(self._asked)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self.client.close()
        self._loop.stop()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()


def _closed() -> NoAnswerError:
    return NoAnswerError(
        "the client was closed while it was asked.",
        allowed="questions to a client that stays open.",
        do="Close it after the last answer.",
        code="CANCELLED",
    )

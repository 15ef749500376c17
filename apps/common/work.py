"""Long work that tells how far it is, and that can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

EVERY = 0.15
"""Seconds between two looks at how far it is."""


class Cancelled(Exception):  # noqa: N818 - no error: somebody wished it
    """The work was stopped by whoever started it."""


class Work:
    """One piece of work in a thread of its own.

    Args:
        job: Called with a progress function (done, total, what); the next call of that function ends the job once it
            is cancelled.

    Example:
        >>> work = Work(lambda tell: tlzoo.train(data, progress=tell))  # doctest: +SKIP
        >>> for share, what in work.follow():  # doctest: +SKIP
        ...     yield html.work(share, what)
        >>> work.result  # doctest: +SKIP
    """

    def __init__(self, job: Callable[[Callable[..., None]], Any]) -> None:
        self.result: Any = None
        self.seconds = 0.0
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._state: tuple[float | None, str] = (None, "starting")
        self._thread = threading.Thread(target=self._run, args=(job,), name="tlzoo-app-work", daemon=True)
        self._started = time.perf_counter()
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return not self._thread.is_alive()

    @property
    def progress(self) -> tuple[float | None, str]:
        """How far it is, or was when it ended: share done (None if unknown) and what is being done."""
        return self._state

    @property
    def error(self) -> BaseException | None:
        """Why it ended without a result, `Cancelled` where it was stopped; None while it runs."""
        return self._error if self.over else None

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop; it may still run, or have ended before it heard of it."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Asks the work to stop; it does so where it next tells how far it is."""
        self._stop.set()

    def follow(self) -> Iterator[tuple[float | None, str]]:
        """Yields share done (None if unknown) and what is being done, whenever that changes, until it is over.

        Raises:
            Cancelled: It was stopped.
            Exception: Whatever the job raised.
        """
        seen: Any = None
        while self._thread.is_alive():
            if self._state != seen:
                seen = self._state
                yield seen
            self._thread.join(EVERY)
        if self._error is not None:
            raise self._error

    def _run(self, job: Callable[[Callable[..., None]], Any]) -> None:
        try:
            self.result = job(self._tell)
        except BaseException as error:
            self._error = error
        self.seconds = time.perf_counter() - self._started

    def _tell(self, done: int, total: int | None, what: str) -> None:
        self._state = (done / total if total else None, what)
        if self._stop.is_set():
            raise Cancelled

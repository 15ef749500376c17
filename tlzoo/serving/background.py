"""A thread that does slow work for those who may not wait, and says how much it could not take."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger("tlzoo.serving")

_AT_ONCE = 1000
"""Items handed over together, at most."""


class Background(Generic[T]):
    """A queue of things and the thread that works them off.

    Args:
        work: Gets one or more of them, in order; its errors are logged, and end nothing.
        name: Of the thread.
        most: Things that may wait; further ones are dropped.

    Example:
        >>> lines = Background(lambda some: print(*some), "printer")
        >>> lines.put("a")
        True
        >>> lines.close()
        a
    """

    def __init__(self, work: Callable[[list[T]], None], name: str, most: int = 10_000) -> None:
        self._work = work
        self._queue: queue.Queue[T | None] = queue.Queue(most)
        self._lock = threading.Lock()
        self._dropped = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, one: T) -> bool:
        """Queues a thing without waiting.

        Returns:
            False where it was dropped: the queue is full, or closed.
        """
        if not self._closed:
            try:
                self._queue.put_nowait(one)
            except queue.Full:
                pass  # whoever hands over may not wait: counted as dropped, below
            else:
                return True
        self.drop()
        return False

    def drop(self, number: int = 1) -> None:
        """Counts things that are lost."""
        with self._lock:
            self._dropped += number

    def dropped(self) -> int:
        """Returns how many were lost since this was last asked."""
        with self._lock:
            number, self._dropped = self._dropped, 0
            return number

    def close(self, seconds: float = 5.0) -> None:
        """Takes no more, and waits until what is queued is done.

        Args:
            seconds: How long, at most.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._queue.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        ended = False
        while not ended:
            some = [self._queue.get()]
            while len(some) < _AT_ONCE and some[-1] is not None:
                try:
                    some.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            ended = some[-1] is None
            things = [one for one in some if one is not None]
            if things:
                self._try(things)

    def _try(self, things: list[T]) -> None:
        try:
            self._work(things)
        except Exception:
            log.exception("%s failed", self._thread.name)

"""What belongs to one visitor: whatever it is, it is made when first needed and closed when the page is left."""

from __future__ import annotations

import inspect
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import gradio as gr


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Stops what it does, and deletes what it made."""


T = TypeVar("T", bound=Closable)


class Visits(Generic[T]):
    """One value for each open page.

    Not a `gr.State`: that one arrives only after the page, and whoever clicks at once would find nothing.

    Args:
        make: Makes the value of a new page.

    Example:
        >>> visits = Visits(Lesson)  # doctest: +SKIP
        >>> blocks.unload(visits.leave)  # doctest: +SKIP
        >>> button.click(visits.bound(train), [name], answer)  # train(lesson, name)  # doctest: +SKIP
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._open: dict[str, T] = {}
        self._lock = threading.Lock()

    def bound(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a handler of the page that is given the visitor's value before its inputs.

        Args:
            handler: A function or a generator function.
        """
        if inspect.isgeneratorfunction(handler):

            def stream(request: gr.Request, *given: Any) -> Any:
                yield from handler(self.of(request), *given)

            return stream

        def call(request: gr.Request, *given: Any) -> Any:
            return handler(self.of(request), *given)

        return call

    def of(self, request: gr.Request) -> T:
        """Returns the value of the page that asks."""
        with self._lock:
            name = str(request.session_hash)
            if name not in self._open:
                self._open[name] = self._make()
            return self._open[name]

    def leave(self, request: gr.Request) -> None:
        """Closes the value of a page that is left."""
        with self._lock:
            left = self._open.pop(str(request.session_hash), None)
        if left is not None:
            left.close()

    def close(self) -> None:
        """Closes what is still open; for the end of the app."""
        with self._lock:
            left, self._open = list(self._open.values()), {}
        for each in left:
            each.close()


def new_folder() -> Path:
    """Returns a new folder of one visitor, inside the app's temporary folder."""
    return Path(tempfile.mkdtemp(prefix="visit-"))

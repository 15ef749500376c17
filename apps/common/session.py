"""What belongs to one visitor: whatever it is, it is made when the page opens and closed when the page is left."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import gradio as gr


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Stops what it does, and deletes what it made."""


T = TypeVar("T", bound=Closable)


class Visits(Generic[T]):
    """One value for each open page, kept in a `gr.State`.

    Args:
        make: Makes the value of a new page.

    Example:
        >>> visits = Visits(Lesson)  # doctest: +SKIP
        >>> lesson = visits.state(blocks)  # doctest: +SKIP
        >>> button.click(spoken(train), [lesson, name], answer)  # doctest: +SKIP
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._open: dict[str, T] = {}
        self._lock = threading.Lock()

    def state(self, blocks: gr.Blocks) -> gr.State:
        """Returns the state that handlers take; call it inside of the page."""
        held = gr.State(None)
        blocks.load(self._enter, None, held, show_progress="hidden")
        blocks.unload(self._leave)
        return held

    def close(self) -> None:
        """Closes what is still open; for the end of the app."""
        with self._lock:
            left, self._open = list(self._open.values()), {}
        for each in left:
            each.close()

    def _enter(self, request: gr.Request) -> T:
        made = self._make()
        with self._lock:
            self._open[str(request.session_hash)] = made
        return made

    def _leave(self, request: gr.Request) -> None:
        with self._lock:
            left = self._open.pop(str(request.session_hash), None)
        if left is not None:
            left.close()


def new_folder() -> Path:
    """Returns a new folder of one visitor, inside the app's temporary folder."""
    return Path(tempfile.mkdtemp(prefix="visit-"))

"""The items that are looked through, opened once for all visitors and made ready behind the page."""

from __future__ import annotations

import base64
import io
import threading
import weakref
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

import tlzoo
from tlzoo.errors import UsageError

from ..common.errors import unexpected
from ..common.work import Cancelled, Work

SIDE = 200
"""Longest side of a small picture, in pixels."""
KEPT = 2000
"""Small pictures that are kept in memory."""
EXAMPLES = 6

_OPEN: weakref.WeakSet[Library] = weakref.WeakSet()


class Library:
    """An index that is being built, was stopped, or is ready; one for all visitors.

    Args:
        index: What `tlzoo.search_index` gave.
    """

    def __init__(self, index: Any) -> None:
        self.index = index
        self.texts: bool = index.modality == "text"
        self.small = lru_cache(KEPT)(self._small)
        self._lock = threading.Lock()
        self._work = Work(self._build)
        _OPEN.add(self)

    @property
    def ready(self) -> bool:
        """Whether it can be asked."""
        work = self._work  # another one may take its place at any time
        return work.over and work.error is None

    @property
    def over(self) -> bool:
        """Whether nothing is being built: it is ready, was stopped, or failed."""
        return self._work.over

    @property
    def stopping(self) -> bool:
        """Whether somebody wished that it stops."""
        return self._work.cancelled

    @property
    def stopped(self) -> bool:
        """Whether it was stopped before it was whole."""
        return isinstance(self.error, Cancelled)

    @property
    def progress(self) -> tuple[float | None, str]:
        """How far it is: a share in 0..1 or None, and what is being done."""
        return self._work.progress

    @property
    def error(self) -> BaseException | None:
        """Why it is not ready: `Cancelled` where it was stopped."""
        return self._work.error

    def begin(self) -> None:
        """Builds it, or goes on where it was stopped; does nothing where it is being built or is ready."""
        with self._lock:
            if self.error is not None:
                self._work = Work(self._build)

    def stop(self) -> None:
        """Stops building where it next tells how far it is; what was computed stays in the cache."""
        self._work.cancel()

    def examples(self) -> list[int]:
        """Returns rows to begin with, spread over all of it."""
        rows = self.index.rows
        return [int(rows[at]) for at in np.unique(np.linspace(0, len(rows) - 1, EXAMPLES).astype(int))]

    def ask(self, query: Any, n: int) -> list[Any]:
        """Returns what is most like a query: a row of the index, or a path or text that is not in it.

        Args:
            query: An int, a `Path`, or a string.
            n: How many.

        Raises:
            UsageError: It is not ready.
            TlzooError: The query cannot be read, or the index failed.
        """
        if self.stopped:
            raise UsageError("the index is not whole: it was stopped.", do="Press Index first; it goes on.")
        if (error := self.error) is not None:
            raise error
        if not self.ready:
            raise UsageError("the index is still being made.", do="Wait until it is ready, and ask again.")
        found: list[Any] = (
            self.index.like(query, n) if isinstance(query, int) else self.index.search(query, n)
        )
        return found

    def _build(self, tell: Any) -> None:
        def told(done: int, total: int | None, what: str) -> None:
            tell(done, total, f"{what}: {done:,} of {total:,}" if total else what)

        tell(0, None, "Getting ready")
        try:
            self.index.build(told)
        except Cancelled:
            raise
        except Exception as error:
            unexpected(error)
            raise

    def _small(self, row: int) -> str:
        """Returns the picture of a row as an address that holds it, so that no file is served."""
        return shown(self.index.dataset.items[row])


def shown(item: Any) -> str:
    """Returns a picture as a data address; empty where it cannot be read.

    Args:
        item: A path, or pixels uint8 (h, w, 3).
    """
    try:
        with Image.open(item) if isinstance(item, Path) else Image.fromarray(np.asarray(item)) as whole:
            whole.draft(
                "RGB", (2 * SIDE, 2 * SIDE)
            )  # photos are decoded no larger than that: four times as fast
            small = ImageOps.exif_transpose(whole).convert("RGB")
    except (OSError, ValueError, TypeError, Image.DecompressionBombError):
        return ""
    small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=84)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def opened(source: Any) -> Library:
    """Opens what the app is started on, and begins to make it ready.

    Args:
        source: `tlzoo.workflows.apps.Source`.

    Raises:
        TlzooError: There is nothing of the kind.
    """
    reading = {"text_column": source.text_column} if source.text_column else {}
    index = tlzoo.search_index(
        source.data or None,
        backbone=source.backbone or None,
        run=source.runs[0] if source.runs else None,
        bundle=source.bundle,
        **reading,
    )
    return Library(index)


def close_all() -> None:
    """Stops whatever is still being built."""
    for library in list(_OPEN):
        library.stop()

"""Brings a version into memory: the SavedModel, its warm-up and its batching."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import time
from pathlib import Path

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.batching import Batching
from tlzoo.serving.batching_config import batching_of, check_batching
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import ServerOptions
from tlzoo.serving.servable import Servable
from tlzoo.serving.warmup import replay


class Loaded:
    """A servable, ready for requests.

    Attributes:
        servable: The SavedModel.
        batching: Joins requests; None where they run one by one.
    """

    def __init__(self, servable: Servable, batching: Batching | None) -> None:
        self.servable, self.batching = servable, batching

    def close(self) -> None:
        """Ends the threads of batching; what is running ends first."""
        if self.batching is not None:
            self.batching.close()


def load(folder: Path, options: ServerOptions, metrics: Metrics) -> Loaded:
    """Loads a version, replays its warm-up requests, and starts its batching. Takes seconds: call it in a thread.

    Raises:
        ServingError: Anything of this fails.
    """
    started = time.perf_counter()
    try:
        servable = Servable(folder, lite=options.additions.lite_network)
        chosen = batching_of(folder, options)
        if chosen is not None:
            check_batching(chosen)
        if options.warmup:
            replay(servable, options.warmup_iterations, metrics)
        batching = None if chosen is None else Batching(chosen, metrics, singly=servable.by_rows)
    except Exception as error:
        metrics.load_attempt(str(folder), ok=False, micros=(time.perf_counter() - started) * 1e6)
        if isinstance(error, ServingError):
            raise
        raise ServingError(Code.UNKNOWN, f"{type(error).__name__}: {error}") from error
    metrics.load_attempt(str(folder), ok=True, micros=(time.perf_counter() - started) * 1e6)
    return Loaded(servable, batching)


def give_memory_back() -> None:
    """Frees what an unloaded SavedModel leaves behind: cycles of Python objects, and pages glibc keeps."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # musl has no malloc_trim
            ctypes.CDLL(None).malloc_trim(0)

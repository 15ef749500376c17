"""When training stops, wherever it is."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass
class Deadline:
    """A moment from which on no step begins.

    Attributes:
        at: The value of `time.monotonic()`.
        whole: Whether a training that would not end by then is stopped as soon as that is clear: only a whole one is of
            use, and the time of another is better spent.
        stopped: Whether a training was stopped by it.
    """

    at: float
    whole: bool = False
    stopped: bool = False

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self.at

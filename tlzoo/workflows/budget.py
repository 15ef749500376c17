"""Time that may be spent, in measured seconds."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field

from tlzoo.errors import UsageError
from tlzoo.training.deadline import Deadline

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


@dataclass
class Budget:
    """Seconds that may be spent, and how many have been.

    Attributes:
        seconds: May be spent; infinite where nobody said.
        before: Were spent in earlier sittings.
    """

    seconds: float = math.inf
    before: float = 0.0
    _start: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Seconds since the beginning, earlier sittings included."""
        return self.before + time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds that are left; negative once more was spent than might be."""
        return self.seconds - self.spent

    def share(self, part: float) -> float:
        """Returns the seconds of a part of the budget (0..1); 0 without a bound, which needs no reserve."""
        return part * self.seconds if math.isfinite(self.seconds) else 0.0

    def deadline(self, reserve: float = 0.0, *, whole: bool = False) -> Deadline | None:
        """Returns the moment at which all but a reserve is spent; None without a bound.

        Args:
            reserve: Seconds to keep.
            whole: Whether a training that would not end by then may as well stop at once.
        """
        if not math.isfinite(self.seconds):
            return None
        return Deadline(time.monotonic() + self.left - reserve, whole)


def parse_budget(text: str) -> float:
    """Returns the seconds of a span of time such as `90s`, `10m`, `1.5h` or `1h30m`.

    Args:
        text: Numbers with units; a number alone is seconds.

    Raises:
        UsageError: It is none, or no time at all.

    Example:
        >>> parse_budget("1h30m")
        5400.0
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip().lower())
    whole = re.fullmatch(r"(?:\d+(?:\.\d+)?\s*[smh]\s*)+|\d+(?:\.\d+)?", text.strip().lower(), re.ASCII)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts) if whole else 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(
            f"'{text}' is no span of time.",
            allowed="90s, 10m, 1.5h, 1h30m, or seconds.",
            do="Write --budget 10m.",
        )
    return seconds


def in_words(seconds: float) -> str:
    """Returns seconds as people say them.

    Example:
        >>> in_words(372.4)
        '6 min 12 s'
    """
    if not math.isfinite(seconds):
        return "no bound"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"

"""One picture as it was measured, and what window and level make of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FINE = 64
"""Pictures whose values lie further apart than this are looked at in whole numbers."""


@dataclass(frozen=True)
class Window:
    """Which values are told apart.

    Attributes:
        level: The value in the middle, in the units of the picture.
        width: How many values lie between black and white; above 0.
    """

    level: float
    width: float


@dataclass(frozen=True, eq=False)
class Plane:
    """One picture.

    Attributes:
        values: Float32 (h, w) in its own units, as Hounsfield units; or uint8 (h, w, 3), which has no window.
        window: What it asks to be shown with; of colours the whole range.
        inverted: Whether low values are meant to be white (MONOCHROME1).
    """

    values: np.ndarray
    window: Window
    inverted: bool = False

    @property
    def colour(self) -> bool:
        """Whether it has colours, and so no window."""
        return self.values.ndim == 3

    def bounds(self) -> tuple[float, float]:
        """Returns the lowest and the highest value that a level may have: those of the picture and of its window."""
        half = self.window.width / 2
        low = min(float(self.values.min()), self.window.level - half)
        high = max(float(self.values.max()), self.window.level + half)
        return low, high if high > low else low + 1.0

    def shown(self, window: Window | None = None, inverted: bool | None = None) -> np.ndarray:
        """Returns it as uint8 (h, w, 3).

        Args:
            window: By default its own.
            inverted: By default as it is meant.
        """
        window = window or self.window
        inverted = self.inverted if inverted is None else inverted
        if self.colour:
            pixels = self.values
        else:
            grey = _linear(self.values, window)
            pixels = np.repeat(grey[..., None], 3, axis=-1)
        return 255 - pixels if inverted else pixels


def _linear(values: np.ndarray, window: Window) -> np.ndarray:
    """Returns 0..255 of values, as DICOM's VOI LUT function LINEAR does (PS3.3, C.11.2.1.2).

    Windows narrower than 2, of pictures in fractions, have no such form: there LINEAR_EXACT is taken.
    """
    level, width = window.level, window.width
    if width >= 2:
        level, width = level - 0.5, width - 1
    share = (values - level) / width + 0.5
    return np.asarray(np.rint(np.clip(share, 0, 1) * 255), np.uint8)


def whole_range(values: np.ndarray) -> Window:
    """Returns a window from the lowest to the highest value, leaving out the strangest 0.1 % at each end.

    Args:
        values: Of one picture.
    """
    low, high = (float(each) for each in np.percentile(values, (0.1, 99.9)))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high - low >= FINE:
        low, high = float(np.floor(low)), float(np.ceil(high))
    return Window((low + high) / 2, high - low if high > low else 1.0)

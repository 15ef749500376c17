"""What one visitor looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlzoo.errors import DataError

from .plane import Plane, Window
from .study import Study


@dataclass(eq=False)
class View:
    """An upload, and the frame that is looked at.

    Attributes:
        study: The upload.
        frame: 0 and up.
        plane: That frame.
    """

    study: Study
    frame: int
    plane: Plane

    @classmethod
    def of(cls, study: Study) -> View:
        """Looks at the first frame."""
        return cls(study, 0, study.plane(0))

    def at(self, frame: int) -> View:
        """Looks at another frame; decodes it only if it is another."""
        frame = min(max(frame, 0), self.study.frames - 1)
        return self if frame == self.frame else View(self.study, frame, self.study.plane(frame))

    def words(self) -> str:
        """Returns what is looked at, in words that name nobody."""
        return f"{self.study.kind}; frame {self.frame + 1}" if self.study.frames > 1 else self.study.kind


def pixels(view: View | None, level: float, width: float, inverted: bool) -> np.ndarray:
    """Returns what is shown, and what the model is asked about: uint8 (h, w, 3).

    Raises:
        DataError: There is nothing to look at.
    """
    if view is None:
        raise DataError("there is no picture.", do="Upload one, or click an example.")
    return view.plane.shown(Window(level, max(width, 1e-6)), inverted)

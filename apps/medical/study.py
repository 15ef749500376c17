"""What somebody has uploaded, in memory: a DICOM file, or whatever Pillow opens."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from tlzoo.errors import DataError

from .dicom import MOST_PIXELS, Dicom, is_dicom
from .plane import Plane, Window, whole_range

_ALLOWED = "DICOM, PNG, TIFF and JPEG."


class Study(Protocol):
    """One upload.

    Attributes:
        frames: How many pictures it holds.
        kind: What it is, in words that name nobody.
    """

    frames: int
    kind: str

    def plane(self, frame: int) -> Plane:
        """Returns one picture.

        Args:
            frame: 0 and up.

        Raises:
            DataError: It cannot be decoded.
        """


def open_study(data: bytes, ending: str = "") -> Study:
    """Opens an upload.

    Args:
        data: The file.
        ending: Of its name: `.dcm` lets DICOM files without their head be tried.

    Raises:
        DataError: It is none that is known here, damaged, or empty.
    """
    if not data:
        raise DataError("this file is empty.", allowed=_ALLOWED, do="Choose another.")
    if is_dicom(data) or ending.lower() in (".dcm", ".dicom"):
        return Dicom(data)
    return Photo(data)


def consumed(path: Path) -> bytes:
    """Reads an upload and deletes it at once, with the folder that was made for it.

    Args:
        path: Where it was put; it is gone afterwards, whatever happens.
    """
    try:
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()


class Photo:
    """A PNG, TIFF or JPEG file in memory; 16 bits and fractions keep their values.

    Args:
        data: The file.

    Raises:
        DataError: It is none, or too large.
    """

    def __init__(self, data: bytes) -> None:
        Image.init()  # all formats, so that they can be named
        try:
            self._file = Image.open(BytesIO(data), formats=("PNG", "TIFF", "JPEG", "BMP", "WEBP"))
        except (OSError, Image.DecompressionBombError, SyntaxError) as error:
            raise DataError("this file is no picture that is known here.", allowed=_ALLOWED) from error
        width, height = self._file.size
        if width * height > MOST_PIXELS:
            raise DataError(f"this picture has {width * height:,} pixels.", allowed=f"up to {MOST_PIXELS:,}.")
        self.frames = getattr(self._file, "n_frames", 1)
        parts = [self._file.format or "", f"{width} × {height} pixels"]
        self.kind = ", ".join([*parts, f"{self.frames} frames"] if self.frames > 1 else parts)

    def plane(self, frame: int) -> Plane:
        """Returns one picture."""
        try:
            self._file.seek(frame)
            self._file.load()
            picture = self._file.copy()
        except (OSError, EOFError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError("this picture is damaged.", do="Export it again.") from error
        if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
            values = np.nan_to_num(np.asarray(picture).astype(np.float32))
            return Plane(values, whole_range(values))
        if picture.mode in ("1", "L", "LA"):
            return Plane(np.asarray(picture.convert("L"), np.float32), Window(128, 256))
        return Plane(np.asarray(picture.convert("RGB")), Window(128, 256))

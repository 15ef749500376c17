"""DICOM files: one frame at a time, in the units they were measured in."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np

from tlzoo.errors import DataError

from .plane import Plane, Window, whole_range

MOST_PIXELS = 64_000_000
"""Most pixels of one frame."""


def is_dicom(data: bytes) -> bool:
    """Says whether bytes are a DICOM file: 128 bytes of anything, then DICM."""
    return data[128:132] == b"DICM"


class Dicom:
    """A DICOM file in memory.

    Args:
        data: The file.

    Raises:
        DataError: pydicom is not installed, the file is damaged, or it holds no pictures.
    """

    def __init__(self, data: bytes) -> None:
        self._set = _read(data)
        if "PixelData" not in self._set and "FloatPixelData" not in self._set:
            raise DataError(
                "this DICOM file holds no pictures.", allowed="files with pixel data.", do="Choose another."
            )
        self.frames = max(int(_first(self._set.get("NumberOfFrames")) or 1), 1)
        self.kind = self._kind()

    def plane(self, frame: int) -> Plane:
        """Returns one frame, with rescale slope and intercept, and its window.

        Args:
            frame: 0 and up.

        Raises:
            DataError: It is compressed in a way that cannot be decoded here, or damaged.
        """
        values = self._pixels(frame)
        if values.ndim == 3:
            return Plane(_eight_bits(values), Window(128, 256))
        slope = _first(self._told(frame, "PixelValueTransformationSequence", "RescaleSlope")) or 1.0
        intercept = _first(self._told(frame, "PixelValueTransformationSequence", "RescaleIntercept")) or 0.0
        scaled = (values.astype(np.float64) * slope + intercept).astype(np.float32)
        return Plane(
            scaled, self._window(frame, scaled), self._set.get("PhotometricInterpretation") == "MONOCHROME1"
        )

    def _kind(self) -> str:
        """Returns what it is, in words that name nobody."""
        size = f"{self._set.get('Columns')} × {self._set.get('Rows')} pixels"
        parts = [
            f"DICOM {self._set.get('Modality') or ''}".strip(),
            size,
            f"{self._set.get('BitsStored')} bits",
        ]
        return ", ".join([*parts, f"{self.frames} frames"] if self.frames > 1 else parts)

    def _pixels(self, frame: int) -> np.ndarray:
        from pydicom.pixels import apply_color_lut, pixel_array

        if int(self._set.get("Rows") or 0) * int(self._set.get("Columns") or 0) > MOST_PIXELS:
            raise DataError(f"these are {self.kind}.", allowed=f"up to {MOST_PIXELS:,} pixels.")
        self._refuse_compression()
        try:
            values = pixel_array(self._set, index=frame if self.frames > 1 else None)
            if self._set.get("PhotometricInterpretation") == "PALETTE COLOR":
                values = apply_color_lut(values, self._set)
        except Exception as error:  # whatever pydicom and its decoders raise of damaged files
            raise DataError(
                f"the pixels of this DICOM file cannot be decoded ({type(error).__name__}; {self._syntax()}).",
                allowed="whole files, uncompressed or compressed in a way that is known here.",
                do="Export it again, uncompressed.",
            ) from error
        return np.asarray(values)

    def _syntax(self) -> str:
        """Returns how the pixels are packed, in DICOM's words."""
        syntax = getattr(self._set, "file_meta", {}).get("TransferSyntaxUID")
        return "nobody says how they are packed" if syntax is None else str(syntax.name)

    def _refuse_compression(self) -> None:
        from pydicom.pixels import get_decoder

        syntax = getattr(self._set, "file_meta", {}).get("TransferSyntaxUID")
        if syntax is None or not syntax.is_compressed:
            return
        try:
            there = get_decoder(syntax).is_available
        except NotImplementedError:
            there = False
        if not there:
            raise DataError(
                f"this DICOM file is compressed as {syntax.name}, which cannot be decoded here.",
                allowed="uncompressed files, RLE, and what pydicom has a decoder for.",
                do="Export it uncompressed, or ask whoever runs this app to install pylibjpeg and its plug-ins.",
            )

    def _window(self, frame: int, values: np.ndarray) -> Window:
        level = _first(self._told(frame, "FrameVOILUTSequence", "WindowCenter"))
        width = _first(self._told(frame, "FrameVOILUTSequence", "WindowWidth"))
        if level is None or width is None or width < 1:
            return whole_range(values)
        return Window(level, width)

    def _told(self, frame: int, sequence: str, name: str) -> Any:
        """Returns what is said of a frame: by itself, of all frames, or of the file."""
        groups = [
            *list(self._set.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1],
            *list(self._set.get("SharedFunctionalGroupsSequence") or [])[:1],
        ]
        for group in groups:
            for item in group.get(sequence) or []:
                if name in item:
                    return item.get(name)
        return self._set.get(name)


def _read(data: bytes) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise DataError(
            "DICOM files need pydicom, which is not installed here.",
            allowed="PNG, TIFF and JPEG.",
            do="Ask whoever runs this app to install tlzoo[medical].",
        ) from error
    try:
        return pydicom.dcmread(BytesIO(data), force=not is_dicom(data))
    except Exception as error:  # whatever pydicom raises of damaged files
        raise DataError(
            f"this DICOM file cannot be read ({type(error).__name__}).", do="Export it again."
        ) from error


def _first(value: Any) -> float | None:
    """Returns a number, or the first of several that a file offers."""
    if value is None or value == "":
        return None
    try:
        return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
    except (IndexError, TypeError, ValueError):
        return None


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Returns colours of any depth as uint8 (h, w, 3)."""
    colours = values[..., :3]
    if colours.dtype == np.uint8:
        return np.asarray(colours)
    most = float(np.iinfo(colours.dtype).max)
    return np.asarray(np.rint(colours / most * 255), np.uint8)

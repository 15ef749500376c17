"""Arrays and Pillow images to RGB uint8, without TensorFlow."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tlzoo.errors import DataError

Pixels = NDArray[np.uint8]

MAX_PIXELS = 178_956_970
"""Largest image that is decoded (Pillow's own limit): more is taken for a decompression bomb."""

READ_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    MemoryError,
    OverflowError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow raises for files that are not, or no longer, images."""

_SHAPES = (
    "arrays (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), uint8, uint16, bool, or floats in 0..1 or 0..255."
)


def read_image(
    item: Path | str | bytes | Pixels | Image.Image | Any, decode: Callable[[bytes], Pixels] | None = None
) -> Pixels:
    """Reads one image, whatever it comes as.

    Args:
        item: A path, an encoded file as bytes, an array (see `from_array`), or a Pillow image.
        decode: Decodes an encoded file, or raises `DataError`; by default Pillow does.

    Returns:
        uint8 `(h, w, 3)`, RGB, upright.

    Raises:
        DataError: It is no image, is broken, or is too large; the message names the file.

    Example:
        >>> read_image(np.zeros((2, 3), np.uint8)).shape
        (2, 3, 3)
    """
    if isinstance(item, Image.Image):
        return from_pillow(item)
    if not isinstance(item, (str, Path, bytes, bytearray, memoryview)):
        return from_array(item)
    name = "the image" if not isinstance(item, (str, Path)) else f"'{item}'"
    try:
        content = Path(item).read_bytes() if isinstance(item, (str, Path)) else bytes(item)
        if not content:
            raise DataError("the file is empty")
        return (decode or _by_pillow)(content)
    except OSError as error:
        raise _unreadable(name, error.strerror or reason(error)) from error
    except DataError as error:
        raise _unreadable(name, error.what.rstrip(".")) from None


def _by_pillow(content: bytes) -> Pixels:
    with open_pillow(content) as image:
        return from_pillow(image)


def _unreadable(name: str, why: str) -> DataError:
    return DataError(
        f"{name} cannot be read: {why}.",
        allowed="whole JPEG, PNG, WebP, BMP, GIF or TIFF files.",
        do="Replace it or leave it out; `tlzoo data check` lists every such file.",
    )


def open_pillow(content: bytes | Path) -> Image.Image:
    """Opens an image without decoding it: format, size and mode are known, the pixels are not read.

    Raises:
        DataError: Pillow does not know it, or it has more than `MAX_PIXELS` pixels.
    """
    try:
        image = Image.open(io.BytesIO(content) if isinstance(content, bytes) else content)
    except READ_ERRORS as error:
        raise DataError(reason(error), allowed="a whole image file.") from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise too_large(image.width, image.height)
    return image


def too_large(width: int, height: int) -> DataError:
    """Returns the error for an image that would not fit into memory."""
    return DataError(
        f"the image has {width} x {height} pixels.",
        allowed=f"at most {MAX_PIXELS // 10**6} million pixels.",
        do="Shrink it, or leave it out.",
    )


def reason(error: BaseException) -> str:
    """Returns one line, without memory addresses, on why an image cannot be read."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image, or of a format nobody here knows"
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(" <")[0][:200]


def from_pillow(image: Image.Image) -> Pixels:
    """Converts a Pillow image: first frame, EXIF orientation applied, alpha over white.

    16-bit greys keep their high byte; floats go through `from_array`.

    Args:
        image: Of any mode.

    Returns:
        uint8 `(h, w, 3)`.

    Raises:
        DataError: It cannot be decoded, or holds no finite numbers.

    Example:
        >>> from_pillow(Image.new("L", (2, 1), 7)).tolist()
        [[[7, 7, 7], [7, 7, 7]]]
    """
    try:
        image.seek(0)
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode == "F":
            return from_array(_scaled(np.asarray(image)))
        if image.mode.startswith("I"):
            return from_array(_high_byte(np.asarray(image)))
        transparent = image.has_transparency_data
        return (
            _over_white(np.asarray(image.convert("RGBA"))) if transparent else np.array(image.convert("RGB"))
        )
    except READ_ERRORS as error:
        raise DataError(reason(error), allowed="a whole image file.") from error


def from_array(array: Any) -> Pixels:
    """Converts an array of pixels.

    Args:
        array: `(h, w)`, `(h, w, 1)`, `(h, w, 3)` or `(h, w, 4)` (alpha over white); uint8, bool, uint16 (high
            byte), other integers in 0..255, or floats in 0..1 (all of them) or 0..255.

    Returns:
        uint8 `(h, w, 3)`; greys are a read-only view that takes no extra memory.

    Raises:
        DataError: The shape or the values are none of these.

    Example:
        >>> from_array(np.array([[0.0, 1.0]])).tolist()
        [[[0, 0, 0], [255, 255, 255]]]
    """
    pixels = np.asarray(array)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise DataError(
            f"an array of shape {np.shape(array)} is no image.", allowed=_SHAPES, do="Reshape it."
        )
    pixels = to_uint8(pixels)
    if pixels.shape[2] == 4:
        return _over_white(pixels)
    return pixels if pixels.shape[2] == 3 else np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def to_uint8(values: NDArray[Any]) -> Pixels:
    """Brings the values of one image, or of many that share their range, to uint8.

    Raises:
        DataError: A value lies outside 0..255, is not finite, or is no number.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)
    if values.dtype.kind not in "iuf":
        raise DataError(f"pixels of type {values.dtype}.", allowed=_SHAPES, do="Convert them to uint8.")
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (low >= 0 and high <= 255):
        raise DataError(
            f"pixels between {low:g} and {high:g}.",
            allowed=_SHAPES,
            do="Undo the normalisation, or rescale to 0..255.",
        )
    if values.dtype.kind == "f":
        values = np.rint(values * 255 if high <= 1 else values)
    return values.astype(np.uint8)


def encode_png(image: NDArray[np.uint8], level: int = 6) -> bytes:
    """Returns an RGB image as a PNG file.

    Args:
        image: uint8 `(h, w, 3)`.
        level: How much time goes into making it small, 0 to 9.

    Example:
        >>> encode_png(np.zeros((1, 1, 3), np.uint8))[1:4]
        b'PNG'
    """
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(from_array(image))).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def _high_byte(values: NDArray[Any]) -> NDArray[Any]:
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high <= 255 and values.dtype != np.uint16:
        return values
    return values.astype(np.uint16) if low >= 0 and high <= 65535 else _scaled(values.astype(np.float64))


def _scaled(values: NDArray[Any]) -> NDArray[Any]:
    """Leaves floats in 0..1 or 0..255 alone and stretches others (heights, temperatures …) to 0..255."""
    if not np.isfinite(values).all():
        raise DataError("pixels that are not finite numbers.", allowed=_SHAPES, do="Replace them.")
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 255:
        return values
    return (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)


def _over_white(rgba: NDArray[np.uint8]) -> Pixels:
    # The same integers as in `images._over_white`, so that both roads give the same bits.
    alpha = rgba[:, :, 3:].astype(np.int32)
    mixed = (rgba[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)

"""Strings and numbers as TensorFlow Serving writes them in JSON (util/json_tensor.cc, RapidJSON's Writer)."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.floating[Any]]

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_ESCAPES = {
    **{chr(code): f"\\u{code:04X}" for code in range(0x20)},
    **{"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"},
}
_FEW = 16
"""Fewer numbers than these are written one by one."""

_POWERS = 10.0 ** np.arange(23)
"""All the powers of ten that a double holds exactly."""


def text_of(value: bytes) -> str:
    """Returns bytes as text; those that are not UTF-8 become surrogate escapes, so that `bytes_of` gives them back."""
    return value.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """Returns the bytes of a text that came from JSON or from `text_of`."""
    return text.encode("utf-8", "surrogateescape")


def quoted(text: str) -> str:
    """Writes a JSON string: only quotes, backslashes and control characters are escaped."""
    if _ESCAPED.search(text):
        text = _ESCAPED.sub(lambda match: _ESCAPES[match[0]], text)
    return f'"{text}"'


def decimals(values: Reals) -> list[str]:
    """Writes numbers: six digits if they say it all, else nine (float) or seventeen (double), never without `.` or `e`.

    Args:
        values: float32 or float64 (n,).

    Returns:
        n texts, such as `0.5`, `999999.0`, `9e+06`, `NaN` or `-Infinity`.

    Source: WriteDecimal in tensorflow_serving/util/json_tensor.cc.

    Example:
        >>> decimals(np.array([3, 0.1, 1435774380], np.float32))
        ['3.0', '0.1', '1.43577434e+09']
    """
    single = values.dtype == np.float32
    if len(values) < _FEW:
        return [_written(value, single) for value in values.tolist()]
    digits = 9 if single else 17
    with np.errstate(invalid="ignore"):
        exact = values.astype(np.float64)
        size = np.abs(exact)
        usual = (size >= 1e-16) & (size < 1e16)
        short = _fits_six_digits(np.where(usual, size, 1.0), values.dtype)
        whole = (exact == np.rint(exact)) & (size < np.where(short, 1e6, 10.0**digits))
    formats = np.array([f"%.{digits}g", "%g", "%.1f"], dtype=object)[np.where(whole, 2, short.astype(int))]
    texts = (",".join(formats.tolist()) % tuple(values.tolist())).split(",")
    for index in np.flatnonzero(~usual & (size != 0)).tolist():
        texts[index] = _written(float(exact[index]), single)
    return texts


def decimal(value: float) -> str:
    """Writes one number as messages quote it: as a float if it is in a float's range.

    The range is RapidJSON's (document.h, IsFloat), which ends just below the largest float.
    """
    single = -3.4028234e38 <= value <= 3.4028234e38
    return _written(float(np.float32(value)) if single else value, single)


def _written(value: float, single: bool) -> str:
    """Writes one number; `single` says that it is a float."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    text = f"{value:g}"
    if (np.float32(text) if single else float(text)) != value:
        text = f"{value:.{9 if single else 17}g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _fits_six_digits(size: npt.NDArray[np.float64], dtype: np.dtype) -> npt.NDArray[np.bool_]:
    """Returns whether six significant digits, read back as `dtype`, are the number again.

    Scaling by an exact power of ten rounds once, and so does scaling back, so the decimal is the one that `%g` writes
    and the number is the one that a reader gets.

    Args:
        size: Absolute values between 1e-16 and 1e16 (n,).
        dtype: What they are numbers of.
    """
    shift = 5 - np.floor(np.log10(size)).astype(int)
    up, down = _POWERS[np.maximum(shift, 0)], _POWERS[np.maximum(-shift, 0)]
    back = np.rint(size * up / down) / up * down
    fits: npt.NDArray[np.bool_] = back.astype(dtype) == size.astype(dtype)
    return fits

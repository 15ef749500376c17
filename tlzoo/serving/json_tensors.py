"""One JSON value and a data type become one array, or the error that TensorFlow Serving has for it.

`uniform_array` turns whatever is well-formed into an array with a few calls per level of nesting, whose loops run in C.
It says nothing of what is wrong; `dense_values` then goes through the values one by one, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np

from tlzoo.protocol.dtypes import Dtype
from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.serving.json_text import bytes_of
from tlzoo.serving.json_values import Object, base64_bytes, is_base64, kind, shown

Shape = tuple[int, ...]

MAX_RANK: Final = 64
"""NumPy's; TensorFlow has 254."""

_RANGES: Final = {
    **dict.fromkeys(("int8", "int16", "int32", "uint8"), (-(2**31), 2**31 - 1)),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
"""Which numbers integers are read from; those of fewer bits wrap around afterwards, as upstream's do."""


def uniform_array(value: Any, dtype: Dtype | None) -> np.ndarray | None:
    """Returns a value's array if its lists are of equal lengths and its scalars of one sort that fits.

    Args:
        value: A scalar, or lists of them.
        dtype: The type to read it as; None for one that has no form in JSON.

    Returns:
        The array, or None if anything is odd, right or wrong.
    """
    level, shape = [value], list[int]()
    while level and type(level[0]) is list:
        sizes = set(map(len, level)) if set(map(type, level)) == {list} else ()
        if len(sizes) != 1 or len(shape) == MAX_RANK:
            return None
        shape.extend(sizes)
        level = list(chain.from_iterable(level))
    values = _read_alike(level, dtype)
    return None if values is None else values.reshape(shape)


def _read_alike(values: list[Any], dtype: Dtype | None) -> np.ndarray | None:
    if dtype is None:
        return None
    kinds = set(map(type, values))
    if dtype.name in ("float", "double"):
        return to_array(values, dtype) if kinds <= {float, int} else None
    if dtype.name == "bool":
        return to_array(values, dtype) if kinds <= {bool} else None
    if dtype.name == "string":
        if kinds <= {str}:
            return to_array(list(map(bytes_of, values)), dtype)
        return to_array(list(map(base64_bytes, values)), dtype) if all(map(is_base64, values)) else None
    return _read_integers(values, dtype) if dtype.name in _RANGES and kinds <= {int} else None


def _read_integers(values: list[int], dtype: Dtype) -> np.ndarray | None:
    low, high = _RANGES[dtype.name]
    try:
        wide = np.array(values, np.uint64 if dtype.name == "uint64" else np.int64)
    except OverflowError:
        return None
    fits = not values or (wide.min() >= low and wide.max() <= high)
    return wide.astype(dtype.numpy) if fits else None


def to_array(values: Sequence[Any], dtype: Dtype) -> np.ndarray:
    """Returns values that `dtype` takes as a flat array: numbers beyond a float are infinite, small integers wrap."""
    if dtype.name == "string":
        array = np.empty(len(values), object)
        array[:] = values
        return array
    if dtype.name in ("float", "double"):
        with np.errstate(over="ignore"):
            return np.array(values, np.float64).astype(dtype.numpy)
    wide = np.uint64 if dtype.name == "uint64" else np.int64
    return np.array(values, wide if dtype.name in _RANGES else dtype.numpy).astype(dtype.numpy)


def dense_values(value: Any, dtype: Dtype | None) -> tuple[Shape, list[Any]]:
    """Returns a value's shape and its scalars, as `to_array` takes them.

    The shape is that of the first element at each level.

    Raises:
        ServingError: INVALID_ARGUMENT where a list or a scalar does not fit; UNIMPLEMENTED `Conversion of JSON Value: …
            to type: …`.

    Source: GetDenseTensorShape and FillTensorProto in tensorflow_serving/util/json_tensor.cc.
    """
    shape = _dense_shape(value)
    values: list[Any] = []
    # Iterators in place of recursion: one for each level that is open.
    open_lists: list[Iterator[Any]] = [iter((value,))]
    while open_lists:
        level = len(open_lists) - 1
        for item in open_lists[-1]:
            if type(item) is list:
                _check_list(item, level, shape)
                open_lists.append(iter(item))
                break
            if level != len(shape):
                raise invalid(
                    f"JSON Value: {shown(item)} found at incorrect level: {level + 1} in the JSON DOM. "
                    f"Expected at level: {len(shape)}"
                )
            values.append(_scalar(item, dtype))
        else:
            open_lists.pop()
    return shape, values


def _dense_shape(value: Any) -> Shape:
    shape = []
    while type(value) is list:
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _check_list(item: list[Any], level: int, shape: Shape) -> None:
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(item) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(item)} at level: {level} expected size: {shape[level]}"
        )


def _scalar(value: Any, dtype: Dtype | None) -> Any:
    name = dtype.name if dtype else "invalid"
    if type(value) is Object:
        if name != "string":
            raise _mismatch(value, name)
        if not is_base64(value):
            raise invalid(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
        return base64_bytes(value)
    if name == "string":
        fits = type(value) is str
    elif name in ("float", "double"):
        fits = type(value) in (int, float)
    elif name == "bool":
        fits = type(value) is bool
    elif name in _RANGES:
        low, high = _RANGES[name]
        fits = type(value) is int and low <= value <= high
    else:
        raise ServingError(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shown(value)} to type: {name}")
    if not fits:
        raise _mismatch(value, name)
    return bytes_of(value) if name == "string" else value


def _mismatch(value: Any, name: str) -> ServingError:
    return invalid(f"JSON Value: {shown(value)} Type: {kind(value)} is not of expected type: {name}")

"""What callers give a signature, as arrays of exactly the types that it declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tlzoo.errors import UsageError, unknown_name
from tlzoo.protocol.dtypes import Dtype
from tlzoo.protocol.signature import Signature, TensorInfo

_FLOATS = ("half", "bfloat16", "float", "double")
_COMPLEX = ("complex64", "complex128")


def fitting(inputs: Any, signature: Signature) -> dict[str, np.ndarray]:
    """Returns inputs as arrays of the signature's types.

    Numbers are converted where nothing but precision is lost: integers and floats to floats, integers to narrower ones
    that hold them. Shapes are nobody's business but the graph's.

    Args:
        inputs: Arrays, nested lists or single values by input name; or the value of the only input itself.
        signature: What it takes.

    Raises:
        UsageError: A name is unknown or missing, or a value is of another type.
    """
    named = inputs if isinstance(inputs, Mapping) else {_only(signature): inputs}
    for name in named:
        if name not in signature.inputs:
            raise unknown_name(f"input of signature '{signature.name}'", str(name), signature.inputs)
    missing = [name for name in signature.inputs if name not in named and name not in signature.defaults]
    if missing:
        raise UsageError(
            f"signature '{signature.name}' is not given {', '.join(sorted(missing))}.",
            allowed=f"{', '.join(sorted(signature.inputs))}.",
            do="Give all of them.",
        )
    return {name: _array(name, value, signature.inputs[name]) for name, value in named.items()}


def _only(signature: Signature) -> str:
    if len(signature.inputs) != 1:
        raise UsageError(
            f"one value for signature '{signature.name}', which has {len(signature.inputs)} inputs.",
            allowed=f"a dictionary with {', '.join(sorted(signature.inputs)) or 'nothing'}.",
            do="Name each value.",
        )
    return next(iter(signature.inputs))


def _array(name: str, value: Any, info: TensorInfo) -> np.ndarray:
    if info.dtype is None:
        raise UsageError(
            f"input '{name}' has a type that no caller can send.", allowed="numbers and strings."
        )
    if info.dtype.name == "string":
        return _strings(name, value)
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of unlike length
        raise _unfit(name, str(error), info.dtype) from error
    if array.dtype == info.dtype.numpy:
        return array
    if array.size == 0 or _converts(array, info.dtype):
        with np.errstate(
            over="ignore"
        ):  # what is too large for a narrower float is infinite, as on the server
            return array.astype(info.dtype.numpy)
    raise _unfit(name, f"values of type {array.dtype}", info.dtype)


def _converts(array: np.ndarray, dtype: Dtype) -> bool:
    kind = array.dtype.kind
    if dtype.name in _COMPLEX:
        return kind in "iufc"
    if dtype.name in _FLOATS:
        return kind in "iuf" or array.dtype.name == "bfloat16"
    if kind not in "iu" or dtype.name == "bool":
        return False
    limits = np.iinfo(dtype.numpy)
    return int(array.min()) >= limits.min and int(array.max()) <= limits.max


def _strings(name: str, value: Any) -> np.ndarray:
    # Arrays of fixed width would lose zeros at the end of a string.
    given = np.asarray(bytes(value) if isinstance(value, bytearray | memoryview) else value, object)
    found = np.empty(given.shape, object)
    for index, one in enumerate(given.flat):
        if isinstance(one, str):
            found.flat[index] = one.encode("utf-8", "surrogateescape")
        elif isinstance(one, bytes | bytearray | memoryview):
            found.flat[index] = bytes(one)
        else:
            raise UsageError(
                f"input '{name}' holds a {type(one).__name__}.",
                allowed="strings and bytes, in an array or lists of equal length.",
                do="Convert it.",
            )
    return found


def _unfit(name: str, what: str, dtype: Dtype) -> UsageError:
    return UsageError(
        f"input '{name}' takes {dtype.name}, and was given {what}.",
        allowed=f"numbers that {dtype.name} can hold, in an array or lists of equal length.",
        do="Convert them.",
    )

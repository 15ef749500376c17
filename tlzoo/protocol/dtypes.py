"""TensorFlow's data types without TensorFlow: number, names and NumPy's twin."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Dtype:
    """One data type.

    Attributes:
        number: Its value in `tensorflow.DataType`.
        name: As TensorFlow writes it in messages (`float`, `double`, `half`, `int32`, `string`).
        field: The typed field of a `TensorProto` that holds its values.
    """

    number: int
    name: str
    field: str

    @property
    def enum(self) -> str:
        """The name of the protocol buffer's value, such as `DT_FLOAT`."""
        return f"DT_{self.name.upper()}"

    @property
    def numpy(self) -> np.dtype:
        """The NumPy type of its arrays; strings are object arrays of bytes."""
        return _twins()[self.number]


_ROWS: tuple[tuple[int, str, str], ...] = (
    (1, "float", "float_val"),
    (2, "double", "double_val"),
    (3, "int32", "int_val"),
    (4, "uint8", "int_val"),
    (5, "int16", "int_val"),
    (6, "int8", "int_val"),
    (7, "string", "string_val"),
    (8, "complex64", "scomplex_val"),
    (9, "int64", "int64_val"),
    (10, "bool", "bool_val"),
    (14, "bfloat16", "half_val"),
    (17, "uint16", "int_val"),
    (18, "complex128", "dcomplex_val"),
    (19, "half", "half_val"),
    (22, "uint32", "uint32_val"),
    (23, "uint64", "uint64_val"),
)

DTYPES: Mapping[int, Dtype] = MappingProxyType(
    {number: Dtype(number, name, field) for number, name, field in _ROWS}
)
"""By number. Quantised types, resources and variants cannot be sent to a server."""


@functools.cache
def _twins() -> dict[int, np.dtype]:
    # Importing NumPy takes longer than asking a server how it is.
    import ml_dtypes
    import numpy as np

    unlike = {"float": np.float32, "double": np.float64, "half": np.float16, "string": np.object_}
    unlike |= {"bfloat16": ml_dtypes.bfloat16}
    return {number: np.dtype(unlike.get(name, name)) for number, name, _ in _ROWS}


def dtype_of(array: np.ndarray) -> Dtype | None:
    """Returns the data type of an array as servers hold it; None for one that TensorFlow has not."""
    return _by_numpy().get(array.dtype)


@functools.cache
def _by_numpy() -> dict[np.dtype, Dtype]:
    return {twin: DTYPES[number] for number, twin in _twins().items()}

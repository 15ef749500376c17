"""Features of examples as callers write them, made into the lists of a `tf.Example`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tlzoo.errors import UsageError

Features = dict[str, list[bytes] | list[float] | list[int]]
"""Values by name; each list is of one kind."""


def features_of(example: Mapping[str, Any], where: str = "an example") -> Features:
    r"""Returns the features of one example.

    Whole numbers (and booleans) are int64, others float32; a list that mixes them is float32. Strings are UTF-8.

    Args:
        example: Single values, flat lists or arrays (n,) by name.
        where: What errors call it.

    Raises:
        UsageError: A value is of another kind, or a list mixes strings and numbers.

    Example:
        >>> features_of({"x": 1, "y": [1, 2.5], "name": "é"})
        {'x': [1], 'y': [1.0, 2.5], 'name': [b'\xc3\xa9']}
    """
    if not isinstance(example, Mapping):
        raise UsageError(
            f"{where} is a {type(example).__name__}.",
            allowed="a dictionary of features.",
            do="Name the values.",
        )
    return {str(name): _values(value, f"feature '{name}' of {where}") for name, value in example.items()}


def all_features(
    examples: Iterable[Mapping[str, Any]], context: Mapping[str, Any] | None
) -> tuple[list[Features], Features | None]:
    """Returns the features of all examples, and those they share.

    Raises:
        UsageError: See `features_of`; the error says which example it is.
    """
    every = [features_of(one, f"example {at}") for at, one in enumerate(examples)]
    return every, None if context is None else features_of(context, "the context")


def _values(value: Any, where: str) -> list[bytes] | list[float] | list[int]:
    one = isinstance(value, str | bytes | bytearray | memoryview | Mapping) or not isinstance(value, Iterable)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        one = True
    values: Sequence[Any] = [value] if one else list(value)
    plain = [
        item.item() if isinstance(item, np.generic | np.ndarray) and item.ndim == 0 else item
        for item in values
    ]
    if all(isinstance(item, str | bytes | bytearray | memoryview) for item in plain):
        return [item.encode() if isinstance(item, str) else bytes(item) for item in plain]
    if all(isinstance(item, int) for item in plain):
        if any(not -(2**63) <= item < 2**63 for item in plain):
            raise _odd(where, "a whole number beyond 64 bits")
        return [int(item) for item in plain]
    if all(isinstance(item, int | float) for item in plain):
        return [float(item) for item in plain]
    raise _odd(where, f"of {', '.join(sorted({type(item).__name__ for item in plain}))}")


def _odd(where: str, what: str) -> UsageError:
    return UsageError(
        f"{where} is {what}.",
        allowed="strings, bytes, whole numbers or floats, alone or in a flat list of one kind.",
        do="Convert it.",
    )


def to_proto(features: Features) -> Any:
    """Returns features as a `tf.Example` message."""
    from tlzoo.client.wire_pb2 import Example

    example = Example()
    for name, values in features.items():
        feature = example.features.feature[name]
        if not values:
            continue
        kind = {bytes: feature.bytes_list, int: feature.int64_list, float: feature.float_list}
        kind[type(values[0])].value.extend(values)
    return example

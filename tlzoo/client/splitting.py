"""Large inputs in pieces: cut along the first axis, and put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tlzoo.client.failures import foreign
from tlzoo.errors import UsageError


def slices(lengths: Sequence[int], size: int, nbytes: int) -> list[slice]:
    """Cuts a sequence into runs of at most `size` items and `nbytes` bytes; a larger item stands alone.

    Args:
        lengths: Bytes of each item.
        size: Items of a run, at most.
        nbytes: Their bytes, at most.

    Example:
        >>> slices([1, 1, 1, 9], 2, 5)
        [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    found: list[slice] = []
    start = total = 0
    for at, length in enumerate(lengths):
        if at > start and (at - start >= size or total + length > nbytes):
            found.append(slice(start, at))
            start, total = at, 0
        total += length
    return [*found, slice(start, len(lengths))] if lengths else found


def pieces(arrays: Mapping[str, np.ndarray], size: int, nbytes: int) -> list[dict[str, np.ndarray]]:
    """Cuts arrays along their first axis, all in the same places.

    Args:
        arrays: By name, all with equally many rows.
        size: Rows of a piece, at most.
        nbytes: Its bytes, at most, unless it is one row.

    Raises:
        UsageError: `size` is less than one, or the arrays have no rows, or not equally many.
    """
    if size < 1:
        raise UsageError(f"batch_size={size}.", allowed="1 or more, or None.")
    counts = {name: len(array) if array.ndim else None for name, array in arrays.items()}
    if len(set(counts.values())) != 1 or None in counts.values():
        shapes = ", ".join(f"'{name}' {array.shape}" for name, array in arrays.items())
        raise UsageError(
            f"inputs that cannot be cut into rows: {shapes}.",
            allowed="arrays with equally many rows.",
            do="Leave out batch_size.",
        )
    rows = next(iter(counts.values())) or 0
    lengths = [sum(_nbytes(array, at) for array in arrays.values()) for at in range(rows)]
    parts = slices(lengths, size, nbytes) or [slice(0, 0)]
    return [{name: array[part] for name, array in arrays.items()} for part in parts]


def joined(results: Sequence[Mapping[str, np.ndarray]], rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Puts outputs of pieces together again.

    Args:
        results: Outputs by name, piece by piece.
        rows: How many rows each piece had.

    Raises:
        ReplyError: An output has another number of rows than the inputs had.
    """
    for result, count in zip(results, rows, strict=True):
        for name, array in result.items():
            if array.ndim == 0 or len(array) != count:
                raise foreign(
                    "the server",
                    f"an output '{name}' of shape {array.shape} for {count} rows; leave out batch_size",
                )
    return {name: np.concatenate([one[name] for one in results]) for name in results[0]}


def _nbytes(array: np.ndarray, at: int) -> int:
    if array.dtype == object:
        return sum(map(len, np.ravel(array[at]).tolist()))
    return array.nbytes // max(1, len(array))

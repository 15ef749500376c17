"""Puts the tensors of several requests on top of each other, and cuts the answers apart again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tlzoo.protocol.signature import Arrays
from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.serving.options import BatchingOptions


def rows_of(inputs: Arrays) -> int:
    """Returns the first dimension that all inputs share.

    Raises:
        ServingError: One has no dimension, or they differ; in the words of batching_session.cc.
    """
    if any(not one.ndim for one in inputs.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension.")
    sizes = {len(one) for one in inputs.values()}
    if len(sizes) != 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size.")
    return sizes.pop()


def part(inputs: Arrays, start: int, stop: int) -> Arrays:
    """Returns some rows of all inputs."""
    return {alias: one[start:stop] for alias, one in inputs.items()}


def join(requests: Sequence[Arrays], options: BatchingOptions) -> Arrays:
    """Returns one set of inputs with the rows of all requests, padded to an allowed size.

    Raises:
        ServingError: Tensors of one name differ beyond their first dimension, and padding is off.
    """
    joined = {alias: _stacked(alias, [one[alias] for one in requests], options) for alias in requests[0]}
    rows = rows_of(joined)
    allowed = next((size for size in options.allowed_batch_sizes if size >= rows), rows)
    if allowed == rows or not rows:
        return joined
    return {
        alias: np.concatenate([one, np.repeat(one[:1], allowed - rows, axis=0)])
        for alias, one in joined.items()
    }


def take_apart(outputs: Arrays, rows: Sequence[int], total: int) -> list[dict[str, np.ndarray]]:
    """Returns the outputs of each request, in order.

    Args:
        outputs: Of all together.
        rows: Of each request.
        total: Rows that were computed; those beyond the sum of `rows` were padding.

    Raises:
        ServingError: An output has not one row for each row of input.
    """
    for one in outputs.values():
        if not one.ndim:
            raise ServingError(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if len(one) != total:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the "
                "input tensors",
            )
    ends = np.cumsum(rows)
    return [
        {alias: one[end - count : end] for alias, one in outputs.items()}
        for count, end in zip(rows, ends, strict=True)
    ]


def _stacked(alias: str, arrays: list[np.ndarray], options: BatchingOptions) -> np.ndarray:
    if len(arrays) == 1:
        return arrays[0]
    shapes = {one.shape[1:] for one in arrays}
    if len(shapes) > 1:
        if not options.pad_variable_length_inputs or len({len(shape) for shape in shapes}) > 1:
            raise invalid(
                f"Tensors with name '{alias}' from different tasks have different shapes and padding is turned off. "
                "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal "
                "dimensions starting with the first dim."
            )
        largest = np.max([list(shape) for shape in shapes], axis=0)
        arrays = [_padded(one, largest) for one in arrays]
    return np.concatenate(arrays)


def _padded(array: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Pads with the array's first element, as TensorFlow Serving does (batching_util.cc, AddPadding)."""
    widths = [(0, 0), *((0, int(size) - have) for size, have in zip(sizes, array.shape[1:], strict=True))]
    filler = array.flat[0] if array.size else (b"" if array.dtype == object else 0)
    return np.pad(array, widths, constant_values=filler)

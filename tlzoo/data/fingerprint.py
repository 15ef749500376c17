"""What a data set is, as a hash: contents, labels, splits and groups, whatever their order or place on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def fingerprint(
    keys: Sequence[str],
    digests: Sequence[str],
    labels: Sequence[str],
    given: Sequence[str | None] | None = None,
    groups: Sequence[str] | None = None,
) -> str:
    """Returns the SHA-256 of a data set.

    Args:
        keys: Path of each item below its source.
        digests: SHA-256 of each item's content.
        labels: Class name of each item.
        given: Split of each item, if somebody split it.
        groups: Group of each item, if there are any.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> fingerprint(["a", "b"], ["1", "2"], ["x", "y"]) == fingerprint(["b", "a"], ["2", "1"], ["y", "x"])
        True
    """
    nothing = [""] * len(keys)
    splits = nothing if given is None else [word or "" for word in given]
    rows = sorted(zip(keys, digests, labels, splits, groups or nothing, strict=True))
    total = hashlib.sha256()
    for row in rows:
        total.update("".join(f"{len(cell)}:{cell}" for cell in row).encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def array_digest(array: NDArray[np.uint8]) -> str:
    """Returns the SHA-256 of an array's shape, type and values."""
    total = hashlib.sha256(f"{array.shape}{array.dtype}".encode())
    total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()

"""Weights as values: digests, snapshots and files, keyed by position and path."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from tlzoo import paths
from tlzoo.errors import WeightsError


def weights_digest(variables: Sequence[keras.Variable]) -> str:
    """Returns the SHA-256 over shapes and bytes of variables, in their order.

    Names stay out of it: Keras numbers unnamed layers by what was built before in the process.

    Args:
        variables: Keras variables, in the order of their model.
    """
    whole = hashlib.sha256()
    for variable in variables:
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        whole.update(f"{_leaf(variable.path)}{value.shape}{value.dtype}".encode())
        whole.update(value.tobytes())
    return whole.hexdigest()


def snapshot(variables: Sequence[keras.Variable]) -> dict[str, np.ndarray]:
    """Returns copies of the variables' values, keyed by position and path."""
    return {
        f"{index:05d}|{variable.path}": np.array(keras.ops.convert_to_numpy(variable))
        for index, variable in enumerate(variables)
    }


def restore(variables: Sequence[keras.Variable], values: Mapping[str, np.ndarray], *, origin: str) -> None:
    """Assigns what `snapshot` took from the same architecture; complete or not at all.

    Args:
        variables: The variables to fill, in the order of their model.
        values: What `snapshot` returned.
        origin: Where the values came from, for the error.

    Raises:
        WeightsError: A value is missing, left over, or of another shape; says how many of each.
    """
    by_position = {int(key.partition("|")[0]): key for key in values}
    unfit = [
        variable.path
        for index, variable in enumerate(variables)
        if index not in by_position
        or tuple(values[by_position[index]].shape) != tuple(variable.shape)
        or _leaf(by_position[index]) != _leaf(variable.path)
    ]
    left_over = len(values) - (len(variables) - len(unfit))
    if unfit or left_over:
        raise WeightsError(
            f"{origin}: {len(variables) - len(unfit)} of {len(variables)} weights fit, {left_over} left over "
            f"(first that do not fit: {unfit[:2]}).",
            allowed="every weight, once, in its shape.",
            do="Use weights of this very architecture and size.",
        )
    for index, variable in enumerate(variables):
        variable.assign(values[by_position[index]])


def _leaf(path: str) -> str:
    """Returns what Keras never numbers: `kernel`, `mean`; `momentum` of `adam/dense_3_kernel_momentum`."""
    return path.rpartition("/")[2].rpartition("_")[2]


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays to an uncompressed `.npz`, whole or not at all."""
    with paths.replacing(path) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, value in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads an `.npz`; pickled content is refused.

    Raises:
        WeightsError: The file is missing or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} cannot be read: {error}.", allowed="a complete .npz file.", do="Make it again."
        ) from error

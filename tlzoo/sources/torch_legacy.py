"""Reads PyTorch's `.pth` files, legacy and zip, with NumPy alone and without running what is in them."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlzoo.errors import WeightsError
from tlzoo.sources.pickles import STORAGES, PickleRefusedError, Storage, Tensor, read_pickle

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MAX_RANK = 16
_MAX_LENGTH = 1 << 40


def read_torch(path: Path) -> dict[str, NDArray[Any]]:
    """Reads a state dict.

    Args:
        path: A file written by `torch.save(module.state_dict(), path)`, in the legacy or the zip format.

    Returns:
        Arrays by name, in the file's order, in the tensors' shapes; strides are honoured. They are read-only
        views where the file allows it; bfloat16 becomes float32.

    Raises:
        WeightsError: The file is damaged, or holds anything else than a flat mapping of names to tensors.

    Example:
        >>> read_torch(Path("lite0.pth"))["_conv_stem.weight"].shape
        (32, 3, 3, 3)
    """
    try:
        content = path.read_bytes()
        zipped = zipfile.is_zipfile(BytesIO(content))
        state, storages = _read_zip(content) if zipped else _read_legacy(content)
        if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
            raise PickleRefusedError("it is no flat mapping of names to tensors")
        return {name: _array(tensor, storages, name) for name, tensor in state.items()}
    except (ValueError, KeyError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} cannot be read as PyTorch weights: {error}.",
            allowed="a state dict of plain tensors, as torch.save(module.state_dict(), path) writes it.",
            do="Fetch the file again, or save it anew with torch.save.",
        ) from error


def _read_legacy(content: bytes) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Reads magic, protocol, system, state dict, storage keys, then each storage: int64 count and data."""
    stream = BytesIO(content)
    if read_pickle(stream) != _MAGIC or read_pickle(stream) != _PROTOCOL:
        raise PickleRefusedError("it does not begin as PyTorch's files do")
    system = read_pickle(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise PickleRefusedError("its numbers are not little-endian")
    state = read_pickle(stream)
    keys = read_pickle(stream)
    described = _described(state)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise PickleRefusedError("its list of storages is damaged")
    if set(keys) != set(described) or len(keys) != len(described):
        raise PickleRefusedError(f"it lists {len(keys)} storages where its tensors use {len(described)}")
    storages, at = {}, stream.tell()
    for key in keys:
        count = int.from_bytes(content[at : at + 8], "little", signed=True)
        storages[key], at = _numbers(content, at + 8, described[key], count)
    if at != len(content):
        raise PickleRefusedError(f"{len(content) - at} bytes follow its last storage")
    return state, storages


def _read_zip(content: bytes) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Reads `*/data.pkl` and, for every storage it mentions, `*/data/KEY`; nothing in it is compressed."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        index = next((name for name in entries if name.endswith("/data.pkl")), None)
        if index is None or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise PickleRefusedError("its zip archive is not laid out as PyTorch's")
        root = index.removesuffix("data.pkl")
        if f"{root}byteorder" in entries and archive.read(f"{root}byteorder") != b"little":
            raise PickleRefusedError("its numbers are not little-endian")
        state = read_pickle(BytesIO(archive.read(index)))
        storages = {}
        for key, storage in _described(state).items():
            if f"{root}data/{key}" not in entries:
                raise PickleRefusedError(f"storage '{key}' is missing")
            data = archive.read(f"{root}data/{key}")
            storages[key], _ = _numbers(data, 0, storage, storage.count)
    return state, storages


def _described(state: Any) -> dict[str, Storage]:
    """Returns the storages the tensors use, by key; the same key must always mean the same storage."""
    found: dict[str, Storage] = {}
    for value in state.values() if isinstance(state, dict) else ():
        if isinstance(value, Tensor) and found.setdefault(value.storage.key, value.storage) != value.storage:
            raise PickleRefusedError(f"storage '{value.storage.key}' is described twice, differently")
    return found


def _numbers(content: bytes, at: int, storage: Storage, count: int) -> tuple[NDArray[Any], int]:
    """Returns a storage's numbers and where they end."""
    kind = np.dtype("<u2" if STORAGES[storage.kind] == "bfloat16" else STORAGES[storage.kind])
    if count != storage.count:
        raise PickleRefusedError(
            f"storage '{storage.key}' says {count} numbers where {storage.count} were announced"
        )
    end = at + count * kind.itemsize
    if end > len(content):
        raise PickleRefusedError(f"it ends {end - len(content)} bytes before storage '{storage.key}' does")
    numbers = np.frombuffer(content, dtype=kind, count=count, offset=at)
    if storage.kind == "BFloat16Storage":
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers, end


def _array(tensor: Tensor, storages: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """Views a storage as the tensor describes it, after checking that the view stays inside."""
    shape, strides, offset = tensor.shape, tensor.strides, tensor.offset
    numbers = storages[tensor.storage.key]
    whole = (
        isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= _MAX_RANK
    )
    if not whole or not all(type(n) is int and 0 <= n < _MAX_LENGTH for n in (offset, *shape, *strides)):
        raise PickleRefusedError(f"tensor '{name}' has an impossible shape")
    # A view with repeated elements (stride 0) could claim terabytes out of one number.
    if prod(shape) > numbers.size:
        raise PickleRefusedError(f"tensor '{name}' claims {prod(shape)} of {numbers.size} numbers")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if prod(shape) and last >= numbers.size:
        raise PickleRefusedError(f"tensor '{name}' reaches outside of its storage")
    steps = tuple(step * numbers.itemsize for step in strides)
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps, writeable=False)

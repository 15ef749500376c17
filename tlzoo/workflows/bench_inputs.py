"""What a server is asked under load: files, a bundle's own warm-up requests, or numbers that fit the signature."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.client.inputs import fitting
from tlzoo.errors import BundleError, UsageError
from tlzoo.protocol.signature import Arrays, Signature

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"

DISTINCT = 64
"""Requests that differ, at most; they come over again."""

_MOST_BYTES = 256 * 1024**2
_ARRAYS = (".npy", ".npz")


def batches(rows: Arrays, size: int) -> list[dict[str, np.ndarray]]:
    """Returns the inputs of different requests, each with so many examples.

    Args:
        rows: Examples by input (n, …); they come over again where there are too few.
        size: Examples a request.
    """
    count = min(len(one) for one in rows.values())
    nbytes = sum(_nbytes(one) for one in rows.values()) / count * size
    number = max(1, min(DISTINCT, -(-max(count, size) // size), int(_MOST_BYTES // max(nbytes, 1))))
    chosen = np.arange(number * size).reshape(number, size) % count
    return [{alias: one[index] for alias, one in rows.items()} for index in chosen]


def rows_from_files(paths: Sequence[str], signature: Signature) -> dict[str, np.ndarray]:
    """Reads examples.

    Args:
        paths: Images and texts, each an example of a signature that takes strings; folders of them; or `.npy` and
            `.npz` files of arrays by input, examples along the first dimension.
        signature: What takes them.

    Raises:
        UsageError: There are none, or they do not fit the signature.
    """
    files = [file for path in paths for file in _files(Path(path))]
    if not files:
        raise UsageError(
            "--input names no file.", allowed="images, .txt, .npy or .npz files, or folders of them."
        )
    if all(file.suffix in _ARRAYS for file in files):
        loaded = [_arrays(file, signature) for file in files]
        try:
            joined = {alias: np.concatenate([one[alias] for one in loaded]) for alias in loaded[0]}
        except (KeyError, ValueError) as error:
            raise UsageError(
                f"the files of --input do not fit together: {error}.",
                allowed="the same inputs in all, of one shape beyond the first dimension.",
            ) from error
        return fitting(joined, signature)
    contents = np.empty(len(files), object)
    contents[:] = [file.read_bytes() for file in files]
    return fitting(contents, signature)


def rows_from_warmup(folder: Path, signature: Signature) -> dict[str, np.ndarray] | None:
    """Reads the examples of a version's recorded predict requests for a signature; None where there are none.

    Args:
        folder: A version folder.
        signature: What was asked.

    Raises:
        BundleError: The file is no TFRecord file of `PredictionLog`.
    """
    from google.protobuf.message import DecodeError

    from tlzoo.client.wire_pb2 import PredictionLog
    from tlzoo.protocol.status import ServingError
    from tlzoo.protocol.tensors import read_tensor

    file = folder / WARMUP_FILE
    if not file.is_file():
        return None
    found: list[dict[str, np.ndarray]] = []
    try:
        for record in _records(file.read_bytes()):
            request = PredictionLog.FromString(record).predict_log.request
            if request.inputs and (request.model_spec.signature_name or "serving_default") == signature.name:
                found.append({alias: read_tensor(alias, tensor) for alias, tensor in request.inputs.items()})
    except (DecodeError, ServingError, struct.error) as error:
        raise BundleError(
            f"'{file}' cannot be read: {error}.",
            allowed="a TFRecord file of PredictionLog.",
            do="Name other inputs with --input.",
        ) from error
    # Requests of other shapes, such as longer texts, cannot stand in one array: the first one's stay.
    shapes = {alias: one.shape[1:] for alias, one in found[0].items()} if found else {}
    alike = [one for one in found if {alias: array.shape[1:] for alias, array in one.items()} == shapes]
    return {alias: np.concatenate([one[alias] for one in alike]) for alias in shapes} if alike else None


def made_rows(signature: Signature, seed: int = 0) -> dict[str, np.ndarray]:
    """Makes numbers for a signature: uniform in [0, 1) for floats, zeros and ones for the rest.

    Args:
        signature: All its inputs have numbers, known sizes beyond the first, and no default.
        seed: Of the numbers.

    Raises:
        UsageError: An input takes strings, or its shape is not known.
    """
    random = np.random.default_rng(seed)
    return {
        alias: _made(alias, info, signature, random)
        for alias, info in signature.inputs.items()
        if alias not in signature.defaults
    }


def _made(alias: str, info: Any, signature: Signature, random: np.random.Generator) -> np.ndarray:
    sizes = info.shape[1:] if info.shape else ()
    if info.dtype is None or info.dtype.name == "string" or -1 in sizes:
        what = "strings" if info.dtype is not None and info.dtype.name == "string" else f"shape {info.shape}"
        raise UsageError(
            f"nobody can guess examples for input '{alias}' of signature '{signature.name}' ({what}).",
            allowed="files, or a bundle with recorded warm-up requests.",
            do="Give --input: images or texts, or arrays as .npz.",
        )
    values = random.random((16, *sizes))
    kind = info.dtype.numpy.kind
    return (values if kind in "fcV" else values > 0.5).astype(info.dtype.numpy)  # bfloat16 is of kind V


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(
            file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")
        )
    elif path.is_file():
        yield path
    else:
        raise UsageError(f"'{path}' is not there.", allowed="files and folders.", do="Check the path.")


def _arrays(file: Path, signature: Signature) -> dict[str, np.ndarray]:
    try:
        found = np.load(file, allow_pickle=False)
    except ValueError as error:
        raise UsageError(f"'{file}' cannot be read: {error}.", allowed="arrays without objects.") from error
    if not isinstance(found, np.ndarray):
        return dict(found)
    if len(signature.inputs) != 1:
        raise UsageError(
            f"'{file}' is one array, and signature '{signature.name}' has {len(signature.inputs)} inputs.",
            allowed="an .npz file with an array for each.",
        )
    return {next(iter(signature.inputs)): found}


def _records(data: bytes) -> Iterator[bytes]:
    """Yields the records of a TFRecord file: length, its checksum, the record, its checksum (record_writer.h)."""
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        record = data[at + 12 : at + 12 + length]
        if len(record) != length:
            raise struct.error("a record is cut off")
        yield record
        at += length + 16


def _nbytes(array: np.ndarray) -> int:
    return sum(map(len, itertools.islice(array.flat, None))) if array.dtype == object else array.nbytes

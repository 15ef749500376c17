"""Pixels decoded once and kept on disk, so that epochs read instead of decode.

Records are raw uint8, sorted by the hash of the image's content, in one file that is named after all it depends
on: the contents, the size, the policy and the decoder. Reading is by `pread`, not by mapping the file, so that
memory stays flat however many images there are.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from tlzoo import paths
from tlzoo.data.dataset import Dataset, Item
from tlzoo.data.images import DECODER_VERSION, Policy
from tlzoo.data.refusals import refuse_broken
from tlzoo.data.stream import stream
from tlzoo.errors import DataError
from tlzoo.progress import Progress

_SPARE = 512 * 2**20
"""Bytes of disk that are left to others."""


class Pixels(Protocol):
    """Decoded images of a data set, by index."""

    size: tuple[int, int]

    def __len__(self) -> int:
        """Returns the number of images."""
        ...

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Returns uint8 `(m, h, w, 3)` for int64 `(m,)`, in that order."""
        ...


def open_pixels(
    dataset: Dataset,
    size: tuple[int, int],
    policy: Policy = "stretch",
    *,
    progress: Progress | None = None,
    keep: bool | None = None,
) -> tuple[Dataset, Pixels]:
    """Decodes a data set, or finds it decoded, and drops what turns out to be broken.

    Args:
        dataset: What to decode.
        size: Height and width of the pixels.
        policy: As for `images.resize`.
        progress: Told how many images are decoded.
        keep: True keeps the pixels on disk, False decodes at every reading (unless they were kept before); by
            default they are kept if the disk has room.

    Returns:
        The data set without the images that cannot be decoded (they are in its `skipped`), and its pixels:
        index `i` of one is index `i` of the other.

    Raises:
        DataError: More images are broken than the data set tolerates, or the disk is full.

    Example:
        >>> data, pixels = open_pixels(load("photos/"), (224, 224))  # doctest: +SKIP
        >>> pixels.read([0, 1]).shape  # doctest: +SKIP
        (2, 224, 224, 3)
    """
    work = _Work.of(dataset, size, policy, progress)
    path = paths.cache_dir() / "pixels" / f"{work.key}.u8"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        reasons = _finished(path, work)
        if reasons is None and (work.fits(path.parent) if keep is None else keep):
            reasons = _build(path, work)
    kept = reasons is not None
    if reasons is None:
        reasons = {digest: why for _, found in work.chunks() for digest, why in found.items()}
    broken = {index: reasons[digest] for index, digest in enumerate(dataset.digests) if digest in reasons}
    refuse_broken(tuple((dataset.keys[i], why) for i, why in broken.items()), len(dataset), dataset.tolerance)
    clean = dataset.without(broken)
    if not kept:
        return clean, LivePixels(clean, size, policy)
    row = {digest: number for number, digest in enumerate(work.digests)}
    return clean, PixelStore(path, size, np.array([row[digest] for digest in clean.digests], np.int64))


class PixelStore:
    """Pixels in a file of fixed-size records.

    Args:
        path: The file.
        size: Height and width.
        rows: int64 `(n,)`: the record of each image.
    """

    def __init__(self, path: Path, size: tuple[int, int], rows: NDArray[np.int64]) -> None:
        self.path = path
        self.size = size
        self._rows = rows
        self._file = os.open(path, os.O_RDONLY)

    def __len__(self) -> int:
        return len(self._rows)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Returns uint8 `(m, h, w, 3)` for int64 `(m,)`, in that order; safe to call from many threads.

        Raises:
            DataError: The file was cut or removed meanwhile.
        """
        wanted = np.asarray(indices, np.int64)
        pixels = np.empty((len(wanted), *self.size, 3), np.uint8)
        for image, row in zip(pixels, self._rows[wanted].tolist(), strict=True):
            if os.preadv(self._file, [image.data], row * image.nbytes) != image.nbytes:
                raise DataError(f"'{self.path}' ends too early.", do="Delete it; it is made again.")
        return pixels


class LivePixels:
    """Pixels that are decoded at every reading, for disks without room.

    Args:
        dataset: Without broken images.
        size: Height and width.
        policy: As for `images.resize`.
    """

    def __init__(self, dataset: Dataset, size: tuple[int, int], policy: Policy = "stretch") -> None:
        self.size = size
        self._dataset = dataset
        self._policy = policy

    def __len__(self) -> int:
        return len(self._dataset)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Returns uint8 `(m, h, w, 3)` for int64 `(m,)`, in that order.

        Raises:
            DataError: An image vanished or broke meanwhile.
        """
        wanted = np.asarray(indices, np.int64)
        pixels = np.empty((len(wanted), *self.size, 3), np.uint8)
        items = [self._dataset.items[index] for index in wanted]
        for chunk in stream(items, self.size, self._policy):
            broken = [(self._dataset.keys[wanted[at]], why) for at, why in chunk.broken.items()]
            refuse_broken(tuple(broken), len(wanted), 0.0)
            pixels[chunk.positions] = chunk.pixels
        return pixels


@dataclass(frozen=True)
class _Work:
    """What is to be decoded: one item for each different content, in the order of their hashes."""

    digests: tuple[str, ...]
    items: tuple[Item, ...]
    size: tuple[int, int]
    policy: Policy
    progress: Progress | None

    @classmethod
    def of(cls, dataset: Dataset, size: tuple[int, int], policy: Policy, progress: Progress | None) -> _Work:
        first: dict[str, Item] = {}
        for digest, item in zip(dataset.digests, dataset.items, strict=True):
            first.setdefault(digest, item)
        digests = tuple(sorted(first))
        return cls(digests, tuple(first[digest] for digest in digests), (size[0], size[1]), policy, progress)

    @property
    def key(self) -> str:
        total = hashlib.sha256(f"{DECODER_VERSION} {self.size[0]}x{self.size[1]} {self.policy}".encode())
        for digest in self.digests:
            total.update(digest.encode())
        return total.hexdigest()[:32]

    @property
    def nbytes(self) -> int:
        return len(self.digests) * self.size[0] * self.size[1] * 3

    def fits(self, folder: Path) -> bool:
        return shutil.disk_usage(folder).free > self.nbytes + _SPARE

    def chunks(self) -> Iterator[tuple[NDArray[np.uint8], dict[str, str]]]:
        """Yields records, in order, black for broken images; and the reasons of those, by hash."""
        done = 0
        for chunk in stream(self.items, self.size, self.policy):
            count = len(chunk.positions) + len(chunk.broken)
            records = np.zeros((count, *self.size, 3), np.uint8)
            records[chunk.positions - done] = chunk.pixels
            done += count
            _refuse_vanished(self.items, chunk.broken)
            if self.progress:
                self.progress(done, len(self.digests), "decoding images")
            yield records, {self.digests[at]: why for at, why in chunk.broken.items()}


def _refuse_vanished(items: tuple[Item, ...], broken: dict[int, str]) -> None:
    """A file that is gone says nothing about its content, so it must not be remembered as broken."""
    for position, why in broken.items():
        item = items[position]
        if isinstance(item, Path) and not os.access(item, os.R_OK):
            raise DataError(
                f"'{item}' was there when the data set was loaded, and cannot be read now: {why}.",
                allowed="files that stay while they are used.",
                do="Load the data set again.",
            )


def _finished(path: Path, work: _Work) -> dict[str, str] | None:
    """Returns why images of a finished store are broken, by hash; None if it is missing or not whole."""
    try:
        if path.stat().st_size != work.nbytes:
            return None
        return dict(json.loads(path.with_suffix(".json").read_text("utf-8"))["broken"])
    except (OSError, ValueError, KeyError):
        return None


def _build(path: Path, work: _Work) -> dict[str, str]:
    """Writes the store and its note; nothing is left behind if that fails."""
    broken: dict[str, str] = {}
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem[:8]}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for records, reasons in work.chunks():
                file.write(records.data)
                broken |= reasons
            file.flush()
            os.fsync(file.fileno())
        paths.write_json(
            path.with_suffix(".json"), {"size": work.size, "resize": work.policy, "broken": broken}
        )
        Path(temporary).replace(path)
    except OSError as error:
        raise _no_room(path, work, error) from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return broken


def _no_room(path: Path, work: _Work, error: OSError) -> DataError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return DataError(
        f"{work.nbytes / 2**20:.0f} MiB of pixels do not fit into '{path.parent}'."
        if full
        else f"'{path.parent}' cannot be written: {error.strerror}.",
        allowed="a cache folder with room.",
        do="Free some space, or point TLZOO_CACHE to another disk.",
    )

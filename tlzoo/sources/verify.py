"""Compares files with what was pinned: nothing unpinned is trusted, nothing pinned is taken on faith."""

from __future__ import annotations

import base64
import csv
import hashlib
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo.errors import ChecksumError

if TYPE_CHECKING:
    from tlzoo.cards import Checksum

_CHUNK = 1 << 20


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Returns the hexadecimal digest of a file, read in pieces of 1 MiB.

    Args:
        path: The file.
        algorithm: A name `hashlib` knows.
    """
    state = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file as 64 hexadecimal digits."""
    return digest(path, "sha256")


def check_file(path: Path, checksum: Checksum) -> None:
    """Passes if `path` holds the pinned bytes.

    Args:
        path: The file that came.
        checksum: What was pinned. SHA-256 counts; MD5 only where no SHA-256 is known.

    Raises:
        ChecksumError: The bytes differ, or the file is missing.

    Example:
        >>> check_file(Path("w.whl"), Checksum(file="w.whl", sha256="0" * 64))
        Traceback (most recent call last):
        tlzoo.errors.ChecksumError: ...
    """
    if checksum.sha256 is None and checksum.md5 is None:
        return
    if not path.is_file():
        raise ChecksumError(f"{path} is missing.", allowed=f"the pinned file {checksum.file}.", do=_DO)
    algorithm, pinned = ("sha256", checksum.sha256) if checksum.sha256 else ("md5", checksum.md5)
    found = digest(path, algorithm)
    if found != pinned:
        raise ChecksumError(
            f"{path.name} has {algorithm} {found}.",
            allowed=f"{algorithm} {pinned}, as pinned in its card.",
            do=_DO,
        )


_DO = (
    "Do not use the file. Fetch it again; if it differs again, ask whoever runs your package index, "
    "or report the card."
)


def damaged(root: Path, record: Path, *, hashes: bool, limit: int | None = None) -> str | None:
    """Names the first file that differs from a wheel's RECORD, or returns None.

    Args:
        root: The folder the RECORD's paths are relative to.
        record: The RECORD file: CSV lines of path, `sha256=…`, size.
        hashes: Compare contents too; otherwise existence and size in bytes only.
        limit: Look at so many files only; by default at all.
    """
    with record.open(newline="", encoding="utf-8") as file:
        rows = [row for row in itertools.islice(csv.reader(file), limit) if len(row) == 3]
    for name, pinned, size in rows:
        path = root / name
        if not pinned or "__pycache__" in path.parts:
            continue
        if not path.is_file() or (size and path.stat().st_size != int(size)):
            return name
        if hashes and not _matches(path, pinned):
            return name
    return None


def _matches(path: Path, pinned: str) -> bool:
    """Tells if `path` has the digest that RECORD writes as `algorithm=urlsafe-base64-without-padding`."""
    algorithm, _, encoded = pinned.partition("=")
    found = base64.urlsafe_b64encode(bytes.fromhex(digest(path, algorithm))).rstrip(b"=").decode()
    return found == encoded.rstrip("=")

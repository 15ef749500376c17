"""Unpacks archives from strangers: nothing outside the folder, no links, no bombs."""

from __future__ import annotations

import errno
import gzip
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

from tlzoo.errors import SourceError

_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
)
_BLAMES_THE_ARCHIVE = {errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
_FLOOR = 64 << 20
_RATIO = 100


def unpack_zip(archive: Path, folder: Path, *, max_bytes: int | None = None) -> None:
    """Unpacks a zip archive after looking at every entry.

    Args:
        archive: The file.
        folder: Where to; must exist. It may hold part of the archive if an error is raised.
        max_bytes: Most bytes it may unpack to; by default 100 times its own size, and at least 64 MiB.

    Raises:
        SourceError: It is no zip archive or a damaged one, an entry would land outside `folder`, is a link or
            a device or appears twice, or the whole is larger than `max_bytes`.
    """
    limit = max_bytes or max(_FLOOR, _RATIO * archive.stat().st_size)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _look(archive.name, entries, limit)
            for entry in entries:
                target = folder / entry.filename
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except _DAMAGE as error:
        raise _refused(archive.name, f"it cannot be unpacked ({error})") from error
    except OSError as error:
        if error.errno not in _BLAMES_THE_ARCHIVE:
            raise  # a full disk, a folder without permission: no fault of the archive
        raise _refused(archive.name, f"it cannot be unpacked ({error})") from error


def unpack_tar(archive: Path, folder: Path, *, max_bytes: int | None = None) -> None:
    """Unpacks a `.tar.gz` archive, entry by entry, each looked at before it is written.

    Args:
        archive: The file.
        folder: Where to; must exist. It may hold part of the archive if an error is raised.
        max_bytes: Most bytes it may unpack to; by default 100 times its own size, and at least 64 MiB.

    Raises:
        SourceError: As `unpack_zip`.
    """
    limit = max_bytes or max(_FLOOR, _RATIO * archive.stat().st_size)
    seen: set[str] = set()
    total = 0
    try:
        with tarfile.open(archive, "r:gz") as opened:
            for entry in opened:
                name = entry.name.removeprefix("./")
                if name in ("", "."):
                    continue
                _look_at(archive.name, name, plain=entry.isreg() or entry.isdir(), seen=seen)
                total += entry.size
                if total > limit:
                    raise _too_large(archive.name, total, limit)
                _write_entry(opened, entry, folder / name)
    except _DAMAGE as error:
        raise _refused(archive.name, f"it cannot be unpacked ({error})") from error
    except OSError as error:
        if error.errno not in _BLAMES_THE_ARCHIVE:
            raise
        raise _refused(archive.name, f"it cannot be unpacked ({error})") from error


def _write_entry(opened: tarfile.TarFile, entry: tarfile.TarInfo, target: Path) -> None:
    source = opened.extractfile(entry)
    if source is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)


def _look(name: str, entries: list[zipfile.ZipInfo], limit: int) -> None:
    """Refuses an archive for what its directory says, before a byte is written."""
    seen: set[str] = set()
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        _look_at(name, entry.filename, plain=kind in (0, stat.S_IFREG, stat.S_IFDIR), seen=seen)
    total = sum(entry.file_size for entry in entries)
    if total > limit:
        raise _too_large(name, total, limit)


def _look_at(name: str, entry: str, *, plain: bool, seen: set[str]) -> None:
    """Refuses an entry that would land outside, is no plain file or folder, or came before."""
    if entry.startswith("/") or ".." in entry.split("/") or re.search(r"[\\:\x00]", entry):
        raise _refused(name, f"entry '{entry}' would land outside its folder")
    if not plain:
        raise _refused(name, f"entry '{entry}' is a link or a device")
    if entry in seen:
        raise _refused(name, f"entry '{entry}' appears twice")
    seen.add(entry)


def _too_large(name: str, total: int, limit: int) -> SourceError:
    return _refused(name, f"it would unpack to {total:,} bytes, more than the {limit:,} expected at most")


def _refused(name: str, why: str) -> SourceError:
    return SourceError(
        f"{name} was not unpacked: {why}.",
        allowed=f"a plain {'tar.gz' if name.endswith(('.tar.gz', '.tgz')) else 'zip'} archive of files.",
        do="Do not use the file; fetch it again or ask where it came from.",
    )

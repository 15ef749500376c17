"""Copies a version folder so that the copy is whole and on disk before anybody can see it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tlzoo.bundle import sha256_of
from tlzoo.errors import BundleError
from tlzoo.progress import Progress

_CHUNK = 1 << 20
_BLOCK = 4096
_SPARE = 1 << 20


@dataclass(frozen=True)
class Listing:
    """What a version folder holds.

    Attributes:
        root: The folder.
        folders: Paths below it, parents first.
        files: By path below it, the file to read: the target, for a link that stays inside.
        bytes: Sum of the files' sizes.
    """

    root: Path
    folders: tuple[str, ...]
    files: Mapping[str, Path]
    bytes: int


def listing(root: Path) -> Listing:
    """Lists a version folder.

    Args:
        root: The folder.

    Raises:
        BundleError: It holds a link to a folder or to anything outside of it, or something that is no file (a pipe, a
            device): what is copied must be what was described.
    """
    root = root.resolve()
    folders: list[str] = []
    files: dict[str, Path] = {}
    waiting = [root]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            name = path.relative_to(root).as_posix()
            if path.is_dir() and not path.is_symlink():
                folders.append(name)
                waiting.append(path)
            else:
                files[name] = _file(path, root)
    return Listing(root, tuple(sorted(folders)), files, sum(file.stat().st_size for file in files.values()))


def _file(path: Path, root: Path) -> Path:
    # Not `resolve`, which fails on links that run in a circle.
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(root):
        raise _strange(f"'{path}' is a link to '{target}', outside of the bundle.")
    if not target.is_file():
        raise _strange(f"'{path}' is neither a file nor a folder.")
    return target


def _strange(what: str) -> BundleError:
    return BundleError(
        what,
        allowed="files and folders, and links to files of the same bundle.",
        do="Copy the bundle with the files that the links stand for (cp -rL) and deploy that.",
    )


def digests(listing: Listing) -> dict[str, str]:
    """Returns the sha256 of every file, by path below the folder."""
    sums = {}
    for name, file in listing.files.items():
        with _reading(file) as stream:
            sums[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return sums


def digest_of(sums: Mapping[str, str]) -> str:
    """Returns one sha256 for a whole folder: two with the same one hold the same files."""
    return sha256_of(json.dumps(sums, sort_keys=True).encode())


def check_room(listing: Listing, directory: Path) -> None:
    """Refuses to begin what the disk cannot hold.

    Args:
        listing: What is to be copied.
        directory: A folder on the disk it goes to.

    Raises:
        BundleError: There is less room than the files, rounded up to blocks, and a megabyte need.
    """
    sizes = (file.stat().st_size for file in listing.files.values())
    needed = sum(-(-size // _BLOCK) * _BLOCK for size in sizes) + _BLOCK * (len(listing.folders) + 1) + _SPARE
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise BundleError(
            f"'{listing.root}' needs {needed:,} bytes and '{directory}' has {free:,} left.",
            allowed="a disk with room for the new version beside the old ones.",
            do="Free some space, remove old versions, or use another disk.",
        )


def copy(listing: Listing, target: Path, progress: Progress | None = None) -> None:
    """Copies a listed folder and waits until the disk has it.

    Permissions are those of new files: a server that runs as somebody else must read them.

    Args:
        listing: What to copy.
        target: The folder to make.
        progress: Told bytes.

    Raises:
        OSError: A file cannot be read or written; whoever made the target removes it.
    """
    done = 0
    target.mkdir()
    for folder in listing.folders:
        (target / folder).mkdir()
    for name, file in listing.files.items():
        with _reading(file) as source, (target / name).open("xb") as sink:
            while chunk := source.read(_CHUNK):
                sink.write(chunk)
                done += len(chunk)
                if progress:
                    progress(done, listing.bytes, f"Copying, {name}")
            sink.flush()
            os.fsync(sink.fileno())
    for folder in reversed(listing.folders):
        flush(target / folder)
    flush(target)


def flush(folder: Path) -> None:
    """Waits until the disk has a folder's entries, so that what was renamed stays renamed when the power goes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reading(file: Path) -> io.BufferedReader:
    # A file that has become a link since it was listed is not followed.
    return io.BufferedReader(io.FileIO(os.open(file, os.O_RDONLY | os.O_NOFOLLOW)))

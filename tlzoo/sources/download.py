"""Downloads one file over HTTPS: resumable, verified, atomic, and quick to say that nothing answers."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import ChecksumError, UnreachableError
from tlzoo.progress import Progress
from tlzoo.sources import verify

if TYPE_CHECKING:
    from tlzoo.cards import Checksum


TIMEOUT = 15.0
_CHUNK = 1 << 18


def download(url: str, target: Path, checksum: Checksum, progress: Progress | None = None) -> Path:
    """Fetches a file once; what an interrupted call left is continued, not repeated.

    Processes may call this at the same time: one downloads, the others wait and find the file.

    Args:
        url: An `https://` address.
        target: Where the file appears, whole, when it is verified.
        checksum: What it must hold.
        progress: Told how far the download is.

    Returns:
        `target`.

    Raises:
        UnreachableError: Nothing answers, or the file is not there.
        ChecksumError: What came is not what was pinned; it is removed.
    """
    from filelock import FileLock

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    with FileLock(target.with_name(f".{target.name}.lock")):
        if target.is_file():
            return target
        try:
            _receive(url, part, target.name, progress)
            verify.check_file(part, checksum)
        except ChecksumError:
            part.unlink(missing_ok=True)
            raise
        part.replace(target)
    return target


def require_answer(url: str) -> None:
    """Passes if a server answers at all, within a few seconds; hub libraries retry for half a minute first.

    Args:
        url: An `https://` address; any answer counts, a refusal too.

    Raises:
        UnreachableError: Nothing answers.
    """
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT / 3).close()  # noqa: S310
    except urllib.error.HTTPError:
        return
    except urllib.error.URLError as error:
        raise _silent(url, error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _silent(url, error) from error


def _receive(url: str, part: Path, name: str, progress: Progress | None) -> None:
    """Appends to `part` until it is complete."""
    if not url.startswith("https://"):
        raise UnreachableError(f"{url} is not an https:// address.", allowed="https:// addresses.")
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url)  # noqa: S310  (https only, checked above)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            _write(
                answer, part, have if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0, name, progress
            )
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise _silent(url, f"HTTP {error.code} {error.reason}") from error
        # Everything was here already; the checksum tells whether it is right.
    except urllib.error.URLError as error:
        raise _silent(url, error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _silent(url, error) from error


def _write(answer: Any, part: Path, have: int, name: str, progress: Progress | None) -> None:
    length = answer.headers.get("Content-Length")
    total = have + int(length) if length else None
    with part.open("ab" if have else "wb") as file:
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            have += len(chunk)
            if progress:
                progress(have, total, name)
    if total is not None and have < total:
        raise OSError(f"the connection closed after {have} of {total} bytes; fetch again to continue")


def _silent(url: str, cause: object) -> UnreachableError:
    return UnreachableError(f"{url} cannot be read: {cause}.", do="Check the network and its proxy.")

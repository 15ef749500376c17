"""Where things live, and how files are written so that a killed process leaves nothing half done.

Environment overrides: `TLZOO_CACHE` (weights, data sets, features, engines), `TLZOO_ZOO` (the folder of cards) and
`TLZOO_USER_ZOO` (the user's own cards).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_PACKAGE = Path(__file__).resolve().parent


def zoo_dir() -> Path:
    """Returns the folder of cards: `TLZOO_ZOO`, else the one shipped with the package."""
    if override := os.environ.get("TLZOO_ZOO"):
        return Path(override).expanduser()
    shipped = _PACKAGE / "_zoo"
    return shipped if shipped.is_dir() else _PACKAGE.parent / "zoo"


def apps_dir() -> Path:
    """Returns the folder of apps: shipped with the package, or beside it in the tree."""
    shipped = _PACKAGE / "_apps"
    return shipped if shipped.is_dir() else _PACKAGE.parent / "apps"


def user_zoo_dir() -> Path:
    """Returns the folder of the user's own cards: `TLZOO_USER_ZOO`, else `zoo` in the cache folder."""
    override = os.environ.get("TLZOO_USER_ZOO")
    return Path(override).expanduser() if override else cache_dir() / "zoo"


def cache_dir() -> Path:
    """Returns the cache folder: `TLZOO_CACHE`, else `$XDG_CACHE_HOME/tlzoo`, else `~/.cache/tlzoo`."""
    if override := os.environ.get("TLZOO_CACHE"):
        return Path(override).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tlzoo"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Gives a binary file that takes the place of `path` when the block succeeds, and vanishes when it does not.

    Args:
        path: The file to write; its folder is made if missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    Args:
        path: The file to write; its folder is made if missing.
        content: Its new content.
    """
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Writes a UTF-8 text file whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file whole or not at all, indented for people."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=True) + "\n")


@contextlib.contextmanager
def new_dir(target: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `target` that becomes `target` when the block succeeds.

    Args:
        target: The folder to appear, whole, at the end. It must not exist then.

    Raises:
        FileExistsError: `target` exists already when the block ends.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if target.exists():
            raise FileExistsError(target)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

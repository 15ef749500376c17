"""Checksums of a version folder: written at export, compared before a bundle is trusted."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tlzoo.bundle.facts import BundleFacts
from tlzoo.bundle.files import FACTS_FILE
from tlzoo.errors import BundleError


def verify_checksums(folder: Path, facts: BundleFacts) -> None:
    """Compares every file of a version folder with the checksum written at export.

    Args:
        folder: The version folder.
        facts: Its description.

    Raises:
        BundleError: A file is missing, differs, or lies outside of the folder.
    """
    if "saved_model.pb" not in facts.checksums:
        raise _tampered(f"{FACTS_FILE} of '{folder}' has no checksum for saved_model.pb.")
    for name, expected in facts.checksums.items():
        # The description may come from strangers: its names must not reach outside of the bundle.
        if name.startswith(("/", "\\")) or ".." in Path(name).parts:
            raise _tampered(f"{FACTS_FILE} names '{name}', which lies outside of the bundle.")
        file = folder / name
        if not file.is_file():
            raise _tampered(f"'{file}' is missing.")
        if (found := sha256(file)) != expected:
            raise _tampered(f"'{file}' has sha256 {found}.", allowed=f"{expected}, as exported.")


def _tampered(what: str, allowed: str = "the files exactly as they were exported.") -> BundleError:
    return BundleError(
        what, allowed=allowed, do="Copy the bundle again from where it was made, or export again."
    )


def checksums(folder: Path) -> dict[str, str]:
    """Returns the sha256 of every file below a version folder but `bundle.json`, by relative path.

    Args:
        folder: The version folder.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    named = {file.relative_to(folder).as_posix(): file for file in files}
    return {name: sha256(file) for name, file in named.items() if name != FACTS_FILE}


def sha256(file: Path) -> str:
    """Returns the sha256 of a file, as 64 hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of(content: bytes) -> str:
    """Returns the sha256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()

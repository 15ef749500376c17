"""The numbered versions of a model folder, as TensorFlow Serving counts them."""

from __future__ import annotations

import re
from pathlib import Path

ROLLED_BACK = ".rolled-back"
"""Behind the number of a version that was taken out of service: no server takes such a name for a version."""

_LARGEST_VERSION = 2**63 - 1


def versions(directory: Path) -> list[tuple[int, Path]]:
    """Returns the numbered version folders of a model folder, newest first.

    Names count as TensorFlow Serving counts them: decimal int64, leading zeros allowed.

    Args:
        directory: The model folder; one that does not exist has no versions.
    """
    if not directory.is_dir():
        return []
    found = [
        (int(child.name), child)
        for child in directory.iterdir()
        if re.fullmatch(r"[0-9]{1,19}", child.name) and int(child.name) <= _LARGEST_VERSION and child.is_dir()
    ]
    return sorted(found, key=lambda pair: (-pair[0], pair[1].name))


def next_version(directory: Path) -> int:
    """Returns one more than the highest version number in a model folder, 1 for an empty or missing one.

    Versions that were rolled back count: a server does not load a number again that it has loaded.

    Args:
        directory: The model folder.
    """
    seen = (number for number, _ in versions(directory))
    return max([0, *seen, *rolled_back(directory)]) + 1


def rolled_back(directory: Path) -> dict[int, Path]:
    """Returns the versions of a model folder that were taken out of service and are kept, by number.

    Args:
        directory: The model folder; one that does not exist has none.
    """
    found = directory.glob(f"*{ROLLED_BACK}") if directory.is_dir() else ()
    names = {path: path.name.removesuffix(ROLLED_BACK) for path in found if path.is_dir()}
    return {int(name): path for path, name in names.items() if re.fullmatch(r"[0-9]{1,19}", name)}

"""Finds version folders, and picks the ones a policy asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.options import ModelConfig, Policy

_NUMBER = re.compile(r"[0-9]+")
_LARGEST = 2**63 - 1


def versions_in(base_path: Path) -> dict[int, Path]:
    """Returns the version folders of a model, by number.

    A version is a folder whose name is a number, leading zeros or not; everything else is ignored
    (tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc). Of two folders with one number the
    last in alphabetical order is taken.

    Raises:
        ServingError: `base_path` cannot be listed.

    Example:
        >>> versions_in(Path("models/photos"))  # doctest: +SKIP
        {1: PosixPath('models/photos/1'), 2: PosixPath('models/photos/00002')}
    """
    try:
        children = sorted(base_path.iterdir())
    except OSError as error:
        raise ServingError(
            Code.NOT_FOUND, f"Could not find base path {base_path} for servable: {error.strerror}"
        ) from error
    found: dict[int, Path] = {}
    for child in children:
        if _NUMBER.fullmatch(child.name) and int(child.name) <= _LARGEST and child.is_dir():
            found[int(child.name)] = child
    return found


def chosen(numbers: Iterable[int], policy: Policy) -> list[int]:
    """Returns those version numbers that a policy serves, newest first.

    Example:
        >>> chosen([1, 2, 3], Policy("latest", 2))
        [3, 2]
    """
    newest_first = sorted(set(numbers), reverse=True)
    if policy.kind == "latest":
        return newest_first[: max(1, policy.latest)]
    if policy.kind == "specific":
        return [number for number in newest_first if number in policy.versions]
    return newest_first


def aspired(config: ModelConfig) -> dict[int, Path]:
    """Returns the version folders that should be served now.

    Raises:
        ServingError: The base path cannot be listed.
    """
    versions = versions_in(config.base_path)
    return {number: versions[number] for number in chosen(versions, config.policy)}

"""Where models are deployed to, who serves them, and what was done there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tlzoo import bundle
from tlzoo.errors import BundleError, unknown_name
from tlzoo.serving.rollout.availability import Server
from tlzoo.serving.rollout.folder import ModelFolder


@dataclass(frozen=True)
class Site:
    """Where models are deployed to, and who serves them.

    Attributes:
        repository: Folder of all models.
        config: The `models.config`; None for the one in the repository, if there is one.
        server_root: The repository as the server sees it, for models that are new in `models.config`; None if it is the
            same there.
        server: Who is asked whether versions are loaded; None to ask nobody.
        at_once: True to take steps together that a running server should follow one by one.
        lock_seconds: How long to wait for whoever changes the same model.
    """

    repository: Path
    config: Path | None = None
    server_root: Path | None = None
    server: Server | None = None
    at_once: bool = False
    lock_seconds: float = 600.0


@dataclass(frozen=True)
class Outcome:
    """What was done to a model.

    Attributes:
        model: Its name.
        version: The version that answers now, or has got a label.
        path: Its folder.
        replaced: The version that answered before; None for the first.
        labels: All labels of the model, as `models.config` has them now.
        removed: Versions that were deleted.
        set_aside: Versions that were taken out of service and are kept.
        files: How many were copied.
        bytes: Their size.
        notes: What else whoever asked should know.
    """

    model: str
    version: int
    path: Path
    replaced: int | None
    labels: dict[str, int]
    removed: tuple[int, ...] = ()
    set_aside: tuple[int, ...] = ()
    files: int = 0
    bytes: int = 0
    notes: tuple[str, ...] = field(default=())


@contextlib.contextmanager
def in_service(site: Site, name: str, *, new: bool = False) -> Iterator[ModelFolder]:
    """Gives a model's folder, which nobody else changes meanwhile.

    Args:
        site: Where.
        name: The model.
        new: True if it need not exist.

    Raises:
        UnknownNameError: It does not exist.
        BundleError: Something cannot be written, or somebody else keeps the folder locked.
    """
    folder = ModelFolder(site.repository, name)
    if not new and not folder.path.is_dir():
        raise unknown_name("model", name, models(site.repository))
    try:
        with folder.locked(site.lock_seconds):
            yield folder
    except OSError as error:
        raise BundleError(
            f"'{site.repository}' cannot be changed: {error}.",
            allowed="a folder that can be written, on a disk with room.",
            do="See to that, and do the same again: what was there is as it was, or as it was to be.",
        ) from error


def models(repository: Path) -> list[str]:
    """Returns the names of the models in a repository."""
    children = sorted(repository.iterdir()) if repository.is_dir() else []
    hidden = (child for child in children if not child.name.startswith("."))
    return [child.name for child in hidden if bundle.versions(child)]

"""One model's folder in a repository: its versions, those set aside, and how each of them comes and goes.

    REPO/<model>/<version>/             what servers see
    REPO/<model>/<version>.rolled-back  what was taken out of service, whole, under a name no server takes for a version
    REPO/<model>/deployments.jsonl      who did what, and when
    REPO/<model>/.deploy-*, .removed-*  half of something: only while it is made or deleted
    REPO/.<model>.lock                  held while anything changes

Whatever a server can see appears and disappears by one rename, so it is whole at every moment. Half folders are made
and deleted only under the lock; the system lets go of a dead process's lock, so whoever holds it may clear them away.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from tlzoo import bundle
from tlzoo.errors import BundleError, UsageError
from tlzoo.serving.rollout.copying import flush
from tlzoo.serving.rollout.history import History

_COPY, _REMOVED = ".deploy-", ".removed-"
_NAME = re.compile(r"\w[\w.-]*")
_NUMBER = re.compile(r"\s*[+-]?([0-9]+)\s*")


def check_name(name: str) -> str:
    """Returns a model's name if it can be a folder, a part of a URL, and no version number.

    Raises:
        UsageError: It cannot.
    """
    if _NAME.fullmatch(name) and not name.isdecimal() and name != "models.config":
        return name
    raise UsageError(
        f"'{name}' cannot be the name of a model.",
        allowed="letters, digits, '_', '-' and '.', beginning with a letter; digits alone are a version.",
        do="Give another one with --name.",
    )


class ModelFolder:
    """The versions of one model.

    Args:
        repository: Folder of all models.
        name: The model.

    Raises:
        UsageError: The name could reach outside of the repository, or means something else there.

    Example:
        >>> folder = ModelFolder(Path("served"), "photos")
        >>> with folder.locked(seconds=60):  # doctest: +SKIP
        ...     folder.set_aside(4)
    """

    def __init__(self, repository: Path, name: str) -> None:
        self.repository = Path(repository)
        self.name = check_name(name)
        self.path = self.repository / name
        self.history = History(self.path / "deployments.jsonl")

    def visible(self) -> dict[int, Path]:
        """Returns the version folders that servers see; of two names for one number, the one they take."""
        return dict(sorted(bundle.versions(self.path), key=lambda pair: pair[1].name))

    def aside(self) -> dict[int, Path]:
        """Returns the versions that were rolled back and are kept."""
        return bundle.rolled_back(self.path)

    def next_number(self) -> int:
        """Returns one more than any number that ever was a version here, or that a server might take for one.

        A server does not load a number again that it has loaded, so none is used for other content.
        """
        numbers = [int(match[1]) for path in self._children() if (match := _NUMBER.fullmatch(path.name))]
        return max([0, *numbers, *self.aside(), *self.history.versions()]) + 1

    def _children(self) -> list[Path]:
        return sorted(self.path.iterdir()) if self.path.is_dir() else []

    @contextlib.contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Keeps everybody else from changing this model, and clears away what killed processes have left.

        Args:
            seconds: How long to wait for whoever is at it.

        Raises:
            BundleError: They are still at it.
        """
        self.repository.mkdir(parents=True, exist_ok=True)
        with lock_beside(self.path, seconds, f"the model '{self.name}' in '{self.repository}'"):
            for path in self._children():
                if path.name.startswith((_COPY, _REMOVED)) and path.is_dir() and not path.is_symlink():
                    self._delete(path)
            yield

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """Gives a path beside the versions where a folder may be made, and removes what is left there at the end."""
        made = not self.path.exists()
        self.path.mkdir(exist_ok=True)
        folder = self.path / f"{_COPY}{uuid.uuid4().hex}"
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if made:
                # An empty folder would be a model without versions; one that holds something stays.
                with contextlib.suppress(OSError):
                    self.path.rmdir()

    def publish(self, folder: Path) -> tuple[int, Path]:
        """Makes a finished folder the next version; `flush` makes it last.

        Args:
            folder: One that `workspace` gave.

        Returns:
            Its number and where it is now.
        """
        while True:
            number = self.next_number()
            target = self.path / str(number)
            try:
                folder.rename(target)
            except OSError:
                # `tlzoo export` into this folder does not know of the lock, and may have taken the number.
                if not target.exists():
                    raise
                continue
            return number, target

    def flush(self) -> None:
        """Waits until the disk has what was published."""
        flush(self.path)
        flush(self.repository)

    def set_aside(self, number: int) -> None:
        """Takes a version out of service and keeps it.

        Raises:
            BundleError: Another version of this number is aside already.
        """
        target = self.path / f"{number}{bundle.ROLLED_BACK}"
        if target.exists():
            raise BundleError(
                f"'{target}' exists already, so version {number} cannot be set aside.",
                allowed="one version of each number.",
                do=f"Look which of the two is right, and move '{target.name}' elsewhere.",
            )
        self.visible()[number].rename(target)
        flush(self.path)

    def bring_back(self, number: int) -> None:
        """Puts a version that was set aside back where it was."""
        self.aside()[number].rename(self.path / str(number))
        flush(self.path)

    def remove(self, number: int) -> None:
        """Deletes a version; no server ever sees half of it."""
        self._delete(self.visible()[number])

    def _delete(self, path: Path) -> None:
        if not path.name.startswith(_REMOVED):
            path = path.rename(self.path / f"{_REMOVED}{uuid.uuid4().hex}")
            flush(self.path)
        shutil.rmtree(path)


@contextlib.contextmanager
def lock_beside(path: Path, seconds: float, what: str) -> Iterator[None]:
    """Holds the lock of a file or folder, a hidden file beside it.

    Args:
        path: What is locked.
        seconds: How long to wait.
        what: It, in words.

    Raises:
        BundleError: Somebody else holds it for longer.
    """
    lock = path.parent / f".{path.name}.lock"
    try:
        with FileLock(lock, timeout=seconds).acquire():
            yield
    except Timeout as error:
        raise BundleError(
            f"Another process has been changing {what} for {seconds:g} seconds.",
            allowed="one process at a time.",
            do=f"Wait for it, give more --lock-seconds, or see who holds '{lock}' (fuser, lsof).",
        ) from error

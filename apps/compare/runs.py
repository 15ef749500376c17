"""The runs of a page: read when asked, and compared once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tlzoo
from tlzoo.errors import UsageError

KEPT = 64
"""Comparisons that are remembered."""


class Runs:
    """Runs in some folders, shared by all visitors.

    Args:
        folders: Run folders, or folders with run folders in them.
        tensorboard: Address of a TensorBoard that shows them; empty for none.
    """

    def __init__(self, folders: Sequence[Path], tensorboard: str = "") -> None:
        self._folders, self.tensorboard = tuple(folders), tensorboard
        self._lock = threading.Lock()
        self._known: dict[tuple[Any, ...], Any] = {}
        self.read()

    def read(self) -> None:
        """Reads the folders again."""
        found = tlzoo.overview(*self._folders)
        with self._lock:
            self.found = found
            self._known.clear()

    @property
    def names(self) -> list[str]:
        """Names of all runs that can be shown."""
        return [run.name for run in self.found.runs]

    def chosen(self, names: Sequence[str]) -> list[Any]:
        """Returns the runs of these names, in the order they were read."""
        return [run for run in self.found.runs if run.name in names]

    def compare(self, runs: Sequence[Any], metric: str) -> Any:
        """Returns who wins; see `tlzoo.compare`.

        Args:
            runs: Of one task.
            metric: Of that task.

        Raises:
            UsageError: There are none, or they learned different tasks.
        """
        if not runs:
            raise UsageError("no run is chosen.", allowed="1 or more.", do="Choose some above.")
        key = (metric, *(run.path for run in runs))
        with self._lock:
            if key not in self._known:
                if len(self._known) >= KEPT:
                    self._known.clear()
                self._known[key] = tlzoo.compare(*(run.path for run in runs), metric=metric)
            return self._known[key]


def opened(source: Any) -> Runs:
    """Reads what the app is started on.

    Args:
        source: `tlzoo.workflows.apps.Source`.

    Raises:
        UsageError: Not one of the runs can be shown.
    """
    runs = Runs(source.runs, source.tensorboard)
    if not runs.names:
        reasons = " ".join(f"{problem.path}: {problem.why}" for problem in runs.found.problems[:3])
        raise UsageError(
            f"not one run can be shown. {reasons}",
            allowed="folders of finished runs, or one that holds some.",
        )
    return runs

"""The run folder: where everything about a run stands, and whether it is finished."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from tlzoo import paths
from tlzoo.cards import BackboneCard
from tlzoo.errors import RunError
from tlzoo.plans import Plan

BEGINNING = {"card.json", "plan.json", "labels.json", "splits.csv"}
"""Files that are written before `config.json`; a folder with no more was killed before anything was trained."""

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class RunDir:
    """A run folder.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def create(cls, path: Path) -> RunDir:
        """Makes a new run folder.

        Raises:
            RunError: There is something in it already.
        """
        if path.exists() and not _only_begun(path):
            raise RunError(
                f"'{path}' is not empty.",
                allowed="a new or empty folder.",
                do=f"Choose another --out, or go on with it: tlzoo train --resume {path}.",
            )
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """Opens a run folder that was made before.

        Raises:
            RunError: It is no run folder.
        """
        if not (path / "config.json").is_file():
            raise RunError(
                f"'{path}' is no run folder: config.json is missing.",
                allowed="a folder that `tlzoo train` made.",
            )
        return cls(path)

    @property
    def finished(self) -> bool:
        """True once the last file, the report, is written."""
        return (self.path / "metrics.json").is_file() and (self.path / "report.html").is_file()

    @property
    def config(self) -> dict[str, Any]:
        """What `config.json` holds."""
        return self._json("config.json")

    @property
    def plan(self) -> Plan:
        """The plan of the run."""
        return Plan.model_validate(self._json("plan.json"))

    @property
    def card(self) -> BackboneCard:
        """The card of the backbone, as it was when the run began."""
        return BackboneCard.model_validate(self._json("card.json"))

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in label order."""
        return tuple(self._json("labels.json"))

    @property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds.

        Raises:
            RunError: The run is not finished.
        """
        if not self.finished:
            raise RunError(
                f"'{self.path}' is not finished.",
                allowed="a finished run.",
                do=f"Finish it: tlzoo train --resume {self.path}.",
            )
        return self._json("metrics.json")

    @property
    def soups(self) -> dict[str, Any]:
        """What `soup.json` says of each phase whose epochs were averaged; empty where none were."""
        return self._perhaps("soup.json")

    @property
    def choice(self) -> dict[str, Any]:
        """What `choice.json` says of how the run was chosen among others; empty if nobody chose."""
        return self._perhaps("choice.json")

    @property
    def pseudo(self) -> dict[str, Any]:
        """What `pseudo.json` says of each phase that labelled examples by itself; empty where none did."""
        return self._perhaps("pseudo.json")

    @property
    def weights_file(self) -> Path:
        """Where the final weights stand."""
        return self.path / "weights.npz"

    def checkpoint(self, phase: str) -> Path:
        """Returns the checkpoint file of a phase."""
        return self.path / "checkpoints" / f"{phase}.npz"

    def drop_checkpoints(self) -> None:
        """Removes what only an unfinished run needs."""
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def write_json(self, name: str, value: Any) -> None:
        """Writes a JSON file, whole or not at all."""
        paths.write_json(self.path / name, value)

    def write_splits(self, rows: Sequence[tuple[int, str, str, str, str]]) -> None:
        """Writes `splits.csv` from rows (index, item, label, split, group)."""
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(("index", "item", "label", "split", "group"))
        writer.writerows(rows)
        paths.write_text(self.path / "splits.csv", buffer.getvalue())

    def read_splits(self) -> dict[str, np.ndarray]:
        """Returns indices int (m,) of each split, in their order."""
        with (self.path / "splits.csv").open(encoding="utf-8", newline="") as file:
            rows = [(row["split"], int(row["index"])) for row in csv.DictReader(file)]
        return {split: np.array([at for name, at in rows if name == split], np.int64) for split in SPLITS}

    def trim_log(self, phase: str, epochs: int) -> None:
        """Drops what `log.jsonl` says beyond the first `epochs` epochs of a phase."""
        path = self.path / "log.jsonl"
        if not path.is_file():
            return
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(json.JSONDecodeError):  # a killed process can leave half a line
                entry = json.loads(line)
                if entry["phase"] != phase or entry["epoch"] < epochs:
                    kept.append(line + "\n")
        paths.write_text(path, "".join(kept))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps a second process out while this one trains.

        Raises:
            RunError: Another process is at it.
        """
        lock = FileLock(self.path / ".lock")
        try:
            with lock.acquire(timeout=0):
                yield
        except Timeout as error:
            raise RunError(
                f"'{self.path}' is being trained by another process.", do="Wait for it, or stop it."
            ) from error

    def _perhaps(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._json(name) if (self.path / name).is_file() else {}
        return found

    def _json(self, name: str) -> Any:
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise RunError(
                f"'{path}' cannot be read: {error}.", allowed="the files `tlzoo train` wrote."
            ) from error


def _only_begun(path: Path) -> bool:
    """True for a folder that is empty, or holds no more than a run's first moments left."""
    if not path.is_dir():
        return False
    return all(each.name in BEGINNING or each.name.startswith(".") for each in path.iterdir())

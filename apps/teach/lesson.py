"""What one visitor teaches: data, models, and what is made of them, in a folder of its own."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tlzoo
from tlzoo.errors import UsageError

from ..common.run_predictor import RunPredictor
from ..common.session import new_folder
from ..common.work import Work
from .warm import Shelf, choices, fitting

Tell = Callable[..., None]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
"""What a visitor may call a model on a server."""

RANKED = 9
"""Networks that are ranked at most."""

_TURN = threading.Lock()
"""One training at a time: two would take twice as long each, and memory for both."""


class Lesson:
    """The work of one visitor.

    Args:
        shelf: Loaded backbones.

    Attributes:
        folder: Vanishes when the visit ends.
        data: What is learned from; None before the first training.
        predictor: The model that is tried; None before there is one.
        work: What is going on; None for nothing.
        first: The run on frozen features, to compare a fine-tuned one with.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.folder = new_folder()
        self.data: Any = None
        self.predictor: RunPredictor | None = None
        self.work: Work | None = None
        self.first: Any = None
        self._shelf = shelf
        self._number = 0

    @property
    def run(self) -> Any:
        """The run that is tried.

        Raises:
            UsageError: Nothing was trained yet.
        """
        if self.predictor is None:
            raise UsageError("nothing was trained yet.", do="Press Train first.")
        return self.predictor.run

    def new(self, what: str) -> Path:
        """Returns a path in the folder that was not used before."""
        self._number += 1
        return self.folder / f"{what}-{self._number}"

    def halt(self) -> None:
        """Asks what is going on to stop, if something is."""
        if self.work is not None:
            self.work.cancel()

    def close(self) -> None:
        """Stops what is going on, and deletes everything."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def train(self, gathered: Callable[[Path], Any], backbone: str) -> Work:
        """Begins to train a head on frozen features; the model is there before the report is.

        Args:
            gathered: Makes the data set in a new folder.
            backbone: Name of the card; where it does not take such data, the usual one is taken.
        """
        out = self.new("run")

        def job(tell: Tell) -> Any:
            tell(0, None, "reading your examples")
            data = gathered(self.new("data"))
            with _turn(tell):
                tell(0, None, "getting the network ready")
                loaded = self._shelf.get(fitting(backbone, data.modality))

                def ready(run: Any) -> None:
                    tell(1, 1, "ready")
                    self.data, self.first, self.predictor = data, run, RunPredictor(run)

                return tlzoo.train(data, backbone=loaded, out=out, progress=tell, ready=ready)

        return self._begin(job)

    def fine_tune(self, epochs: int) -> tuple[Work, Path]:
        """Begins to tune the network itself; returns the work, and where its log will be.

        Args:
            epochs: Passes over the examples.
        """
        card, data, out = self.run.folder.card.name, self.data, self.new("run")

        def job(tell: Tell) -> Any:
            with _turn(tell):
                run = tlzoo.train(
                    data, backbone=card, recipe="fine_tune", out=out, epochs=epochs, progress=tell
                )
            self.predictor = RunPredictor(run)
            return run

        return self._begin(job), out / "log.jsonl"

    def undo(self) -> None:
        """Goes back to the model on frozen features.

        Raises:
            UsageError: There is no other.
        """
        if self.first is None or self.run is self.first:
            raise UsageError("there is no model before this one.", do="Fine-tune first.")
        self.predictor = RunPredictor(self.first)

    def rank(self, gathered: Callable[[Path], Any]) -> Work:
        """Begins to rank the networks at hand for the data, the smallest ones if there are many."""

        def job(tell: Tell) -> Any:
            data = gathered(self.new("data"))
            with _turn(tell):
                return tlzoo.rank(data, backbones=choices(data.modality)[:RANKED], progress=tell)

        return self._begin(job)

    def verdict(self, seconds: float) -> Work:
        """Begins to find out whether transfer helped; what is killed goes on when it is asked again.

        Args:
            seconds: That may be spent.
        """
        run, data = self.run, self.data

        def job(tell: Tell) -> Any:
            with _turn(tell):
                return tlzoo.verdict(run, data=data, budget=seconds, seeds=3, sizes=(0.5,), progress=tell)

        return self._begin(job)

    def make(self, what: str) -> Work:
        """Begins to make something to take away: `report`, `litert` or `savedmodel`; its result is a file."""
        run, folder = self.run, self.new("download") / "model"

        def job(tell: Tell) -> Path:
            folder.mkdir(parents=True)
            tell(0, None, "writing and checking the file")
            if what == "report":
                if not run.report.is_file():
                    raise UsageError("the report is not written yet.", do="Wait a moment.")
                return Path(shutil.copyfile(run.report, folder / "report.html"))
            if what == "litert":
                run.export_litert(folder)
                return next(folder.glob("*.tflite"))
            run.export(folder / "model")
            return Path(shutil.make_archive(str(folder.parent / "savedmodel"), "zip", folder, "model"))

        return self._begin(job)

    def deploy(self, repository: Path, name: str) -> Work:
        """Begins to export the model and to put it into a repository that a server looks at.

        Raises:
            UsageError: The name would not do as that of a folder and in addresses.
        """
        if not NAME.fullmatch(name):
            raise UsageError(
                f"'{name}' is no name for a model.",
                allowed="letters, digits, - and _, up to 60 of them.",
                do="Choose another.",
            )
        run, folder = self.run, self.new("deploy")

        def job(tell: Tell) -> Any:
            tell(0, None, "exporting the model")
            run.export(folder / "model")
            tell(0, None, "copying it to the server's folder")
            return tlzoo.deploy(folder / "model", repository, name=name)

        return self._begin(job)

    def _begin(self, job: Callable[[Tell], Any]) -> Work:
        if self.work is not None and not self.work.over:
            raise UsageError("something else is going on in this page.", do="Wait for it, or press Stop.")
        self.work = Work(job)
        return self.work


@contextmanager
def _turn(tell: Tell) -> Iterator[None]:
    """Waits until no other visitor trains; whoever stops meanwhile leaves the queue."""
    while not _TURN.acquire(timeout=0.2):
        tell(0, None, "waiting for another visitor's training to end")
    try:
        yield
    finally:
        _TURN.release()


def journal(path: Path) -> list[dict[str, Any]]:
    """Returns what a run has written about its epochs so far."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]

"""A finished run, read back from its folder: the only thing every report is made from."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.cards import BackboneCard
from tlzoo.errors import RunError
from tlzoo.metrics import multilabel
from tlzoo.metrics.calibration import softmax
from tlzoo.metrics.classification import Scores
from tlzoo.metrics.regression import RegressionScores
from tlzoo.plans import Plan, TaskName

#: What a finished run holds at least.
REQUIRED = ("config.json", "plan.json", "card.json", "labels.json", "predictions.npz", "metrics.json")


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What the model said about one split.

    Attributes:
        index: (n,) positions in the data set.
        labels: (n,) in 0..c-1; by task numbers (n,), or zeros and ones (n, c).
        logits: (n, c), before temperature scaling; for regression numbers (n, 1).
    """

    index: npt.NDArray[np.int64]
    labels: npt.NDArray[Any]
    logits: npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A finished run's files, each read when it is first asked for.

    Attributes:
        path: The run folder.

    Example:
        >>> RunRecord.read(Path("runs/first")).test.accuracy  # doctest: +SKIP
        0.887
    """

    path: Path

    @classmethod
    def read(cls, run_dir: Path | str) -> RunRecord:
        """Opens a run folder.

        Raises:
            RunError: It is not a run folder, or the run has not finished.
        """
        path = Path(run_dir)
        if not (path / "config.json").is_file():
            found = "there is no such folder" if not path.is_dir() else "it has no config.json"
            raise RunError(
                f"'{path}' is not a run: {found}.",
                allowed="a folder that `tlzoo train --out` wrote.",
                do="Check the path, or train first.",
            )
        missing = [name for name in REQUIRED if not (path / name).is_file()]
        if missing:
            raise RunError(
                f"Run '{path}' has not finished: {', '.join(missing)} missing.",
                allowed="finished runs.",
                do=f"Finish it with `tlzoo train --resume {path}`.",
            )
        return cls(path)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """What was asked for, and with which versions."""
        return dict(self._json("config.json"))

    @functools.cached_property
    def plan(self) -> Plan:
        """What was done."""
        return Plan.model_validate(self._json("plan.json"))

    @property
    def task(self) -> TaskName:
        """What was learned."""
        return self.plan.task

    @functools.cached_property
    def card(self) -> BackboneCard:
        """What was built on."""
        return BackboneCard.model_validate(self._json("card.json"))

    @functools.cached_property
    def class_names(self) -> list[str]:
        """Names in label order."""
        return [str(name) for name in self._json("labels.json")]

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """All of `metrics.json`."""
        return dict(self._json("metrics.json"))

    @functools.cached_property
    def choice(self) -> dict[str, Any]:
        """How this run was chosen among others: `choice.json`; empty if nobody chose."""
        return dict(self._json("choice.json")) if (self.path / "choice.json").is_file() else {}

    @property
    def thresholds(self) -> list[float]:
        """Probability from which on each label is predicted, where there are several."""
        return [float(each) for each in self.metrics.get("thresholds", ())]

    @property
    def temperature(self) -> float:
        """What logits are divided by."""
        return float(self.metrics.get("temperature", 1.0))

    def scores(self, split: str) -> Any:
        """Returns the scores of `validation` or `test`, or those the baseline has on test.

        The baseline is called `majority` for classification and `baseline` for the other tasks.

        Raises:
            RunError: The run has none.
        """
        if not self.metrics.get(split):
            raise RunError(
                f"Run '{self.path}' has no scores of '{split}'.",
                allowed="validation, test, majority.",
                do="Train again.",
            )
        kinds = {"regression": RegressionScores, "multilabel": multilabel.MultilabelScores}
        return kinds.get(self.task, Scores).from_dict(self.metrics[split])  # type: ignore[attr-defined]

    @property
    def test(self) -> Any:
        """Scores of the test split."""
        return self.scores("test")

    @functools.cached_property
    def log(self) -> list[dict[str, Any]]:
        """One dictionary an epoch, in order; empty if there is no log. A repeated epoch counts as last told."""
        path = self.path / "log.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        rows = [self._parsed(line, "log.jsonl") for line in lines if line.strip()]
        return list({(row.get("phase"), row.get("epoch", n)): row for n, row in enumerate(rows)}.values())

    @functools.cached_property
    def splits(self) -> list[dict[str, str]]:
        """Rows of `splits.csv`; empty if there is none."""
        path = self.path / "splits.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @functools.cached_property
    def mistakes(self) -> list[dict[str, Any]]:
        """The worst mistakes, worst first; empty if none were written."""
        found = self.path / "mistakes" / "mistakes.json"
        return list(self._json("mistakes/mistakes.json")) if found.is_file() else []

    @functools.cached_property
    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        try:
            with np.load(self.path / "predictions.npz", allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError) as error:
            raise self._broken("predictions.npz", error) from error

    def predictions(self, split: str = "test") -> Predictions:
        """Returns what the model said about `validation` or `test`.

        Raises:
            RunError: The run has no predictions of that split.
        """
        names = [f"{split}_{part}" for part in ("index", "labels", "logits")]
        if missing := [name for name in names if name not in self._arrays]:
            raise RunError(
                f"Run '{self.path}' has no {', '.join(missing)} in predictions.npz.",
                allowed="validation, test.",
                do="Train again.",
            )
        return Predictions(*(self._arrays[name] for name in names))

    def probabilities(self, split: str = "test") -> npt.NDArray[np.float64]:
        """Returns calibrated probabilities (n, c) of a split."""
        turn = multilabel.sigmoid if self.task == "multilabel" else softmax
        return turn(self.predictions(split).logits, self.temperature)

    def answers(self, split: str = "test") -> npt.NDArray[np.float64]:
        """Returns what `metrics.resampled` takes of a split: probabilities, centred scores, or numbers (n,)."""
        if self.task == "regression":
            return self.predictions(split).logits[:, 0].astype(np.float64)
        found = self.probabilities(split)
        return multilabel.centred(found, self.thresholds) if self.task == "multilabel" else found

    @property
    def features(self) -> npt.NDArray[np.float32] | None:
        """Features (n, d) of the test split, if they were kept."""
        found = self._arrays.get("test_features")
        return self._arrays.get("features") if found is None else found

    def _json(self, name: str) -> Any:
        try:
            text = (self.path / name).read_text("utf-8")
        except OSError as error:
            raise RunError(
                f"Run '{self.path}' has no {name}.",
                allowed="a whole run folder.",
                do="Restore it, or train again.",
            ) from error
        return self._parsed(text, name)

    def _parsed(self, text: str, name: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise self._broken(name, error) from error

    def _broken(self, name: str, error: Exception) -> RunError:
        return RunError(
            f"{name} of run '{self.path}' cannot be read: {error}.",
            allowed="files as the run wrote them.",
            do="Restore the folder from a copy, or train again.",
        )

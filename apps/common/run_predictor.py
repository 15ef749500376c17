"""Asks a run, which can say more of itself than its bundle."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tlzoo
from tlzoo.client import Prediction
from tlzoo.errors import TlzooError, UsageError

from . import reasons
from .values import About, Answer, Condition, Reason, Tell, backbone_facts, judged, untold

SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "ece", "mean_average_precision", "rmse", "mae", "r2")
"""Scores of a run's test split that its card shows."""


class RunPredictor:
    """A finished run; one question at a time.

    Args:
        run: What `tlzoo.train` or `tlzoo.open_run` gave.
    """

    def __init__(self, run: Any) -> None:
        self.run = run
        self._lock = threading.RLock()
        self._about = _about(run)
        self.explains = self._about.task == "classification"
        self.quick = self._about.modality == "image"

    @classmethod
    def opened(cls, folder: Path) -> RunPredictor:
        """Opens a run folder.

        Raises:
            RunError: It is none, or the run is not finished.
        """
        return cls(tlzoo.open_run(folder))

    def describe(self) -> About:
        """Returns what the run folder says."""
        return self._about

    def predict(self, items: Sequence[Any]) -> list[Answer]:
        """Answers for each item."""
        return [judged(self._about, said) for said in self._ask(items)]

    def explain(self, item: Any, label: str | None = None, tell: Tell = untold) -> Reason:
        """Says why: of pictures by Grad-CAM, of texts by leaving words out."""
        ask = reasons.telling(self._ask, tell)
        if self._about.modality == "text":
            return reasons.words_of(ask, item, label, self._about.class_names)
        with self._lock:
            try:
                (found,) = self.run.explain([item], None if label is None else [label])
            except UsageError:  # a network without a map
                return reasons.places_of(ask, item, label)
        return Reason(found.label, "Grad-CAM of the network's last map", picture=found.overlay(reasons.SIDE))

    def samples(self) -> list[bytes]:
        """Returns a few examples of the validation split; none where its data is gone."""
        try:
            return list(self.run.samples())
        except TlzooError:
            return []

    def ready(self) -> Condition:
        """Says that it is open."""
        return Condition(True, f"Answers come from {self._about.where}.")

    def _ask(self, items: Sequence[Any]) -> list[Prediction]:
        with self._lock:
            said: list[Prediction] = self.run.predict(list(items))
        return said


def _about(run: Any) -> About:
    config, card, test = run.folder.config, run.folder.card, run.metrics["test"]
    trust = run.metrics.get("trust") or {}
    sets = trust.get("conformal") if trust.get("fresh") else None
    lac = sets if sets and sets["method"] == "lac" else None
    return About(
        title=run.path.name,
        where=f"run {run.path.name}",
        task=run.task,
        modality=card.modality,
        class_names=run.class_names,
        trained_on=f"{config['data']['name']}, recipe {run.folder.plan.recipe}",
        scores={name: float(test[name]) for name in SHOWN if isinstance(test.get(name), int | float)},
        coverage=lac["coverage"] if lac else None,
        floors=tuple(-each for each in lac["thresholds"]) if lac else (),
        **backbone_facts({"title": card.title, "licence": card.licence}),
    )

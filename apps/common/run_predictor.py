"""Asks a run, which can say more of itself than its bundle."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import tlzoo
from tlzoo.client import Prediction
from tlzoo.errors import TlzooError, UsageError

from . import reasons
from .values import About, Answer, Condition, Reason, Tell, backbone_facts, judged, untold

SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "ece", "mean_average_precision", "rmse", "mae", "r2")
"""Scores of a run's test split that its card shows."""
GONE = (
    "Whether something is foreign to this model cannot be told here: the examples it was trained on are not where they "
    "were, or have changed."
)

log = logging.getLogger("tlzoo.apps")


class RunPredictor:
    """A finished run; one question at a time.

    Args:
        run: What `tlzoo.train` or `tlzoo.open_run` gave.
        warns: Whether it warns of foreign items. The first time that takes as long as features of the training split;
            then its folder holds what it takes.
    """

    def __init__(self, run: Any, *, warns: bool = False) -> None:
        self.run = run
        self._lock = threading.RLock()
        self._about = _about(run, **(_warning(run) if warns else {}))
        self.explains = self._about.task == "classification"
        self.quick = self._about.modality == "image"

    @classmethod
    def opened(cls, folder: Path) -> RunPredictor:
        """Opens a run folder; it warns of foreign items as its bundle would, where its data is still there.

        Raises:
            RunError: It is none, or the run is not finished.
        """
        return cls(tlzoo.open_run(folder), warns=True)

    def describe(self) -> About:
        """Returns what the run folder says."""
        return self._about

    def predict(self, items: Sequence[Any]) -> list[Answer]:
        """Answers for each item."""
        return [judged(self._about, said) for said in self._ask(items)]

    def explain(self, item: Any, label: str | None = None, tell: Tell = untold) -> Reason:
        """Says why: of pictures by Grad-CAM, of texts by leaving words out."""
        if self._about.modality == "image":
            with self._lock, suppress(UsageError):  # a network without a map
                (found,) = self.run.explain([item], None if label is None else [label])
                seen = found.overlay(reasons.SIDE)
                return Reason(found.label, "Grad-CAM of the network's last map", picture=seen)
        return reasons.by_hiding(self._ask, self._about, item, label, tell)

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
        method = "none" if self._about.ood_threshold is None else "mahalanobis"
        with self._lock:
            said: list[Prediction] = self.run.predict(list(items), ood=method)
        return said


def _warning(run: Any) -> dict[str, Any]:
    """Returns the fields of `About` that say from where on items are foreign, or why nobody can tell."""
    try:
        return {"ood_threshold": run.ood("mahalanobis").threshold}
    except TlzooError as error:
        log.warning("%s does not warn of foreign items: %s", run.path.name, error)
        return {"unwarned": GONE}


def _about(run: Any, **known: Any) -> About:
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
        **known,
    )

"""Asks a bundle in this process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tlzoo
from tlzoo.bundle import BundleFacts
from tlzoo.client import Prediction

from . import reasons
from .values import SILENT, About, Answer, Condition, Reason, Tell, backbone_facts, judged, untold


def about_bundle(facts: BundleFacts, where: str) -> About:
    """Returns what a bundle's description says."""
    recipe = facts.facts.get("recipe", "")
    return About(
        title=facts.name,
        where=where,
        task=facts.task,
        modality=facts.modality,
        class_names=facts.class_names,
        trained_on=f"data {facts.data_fingerprint[:12]}" + (f", recipe {recipe}" if recipe else ""),
        scores={
            name: float(value) for name, value in facts.metrics.items() if isinstance(value, int | float)
        },
        ood_threshold=None if facts.ood is None else facts.ood.threshold,
        unwarned=SILENT if facts.ood is None else "",
        coverage=None if facts.conformal is None else facts.conformal.coverage,
        floors=() if facts.conformal is None else facts.conformal.floors,
        **backbone_facts(facts.card),
    )


class BundlePredictor:
    """A bundle, loaded; one question at a time.

    Args:
        folder: Its folder, or one version of it.

    Raises:
        BundleError: There is no bundle there.
    """

    quick = False

    def __init__(self, folder: Path) -> None:
        self._bundle = tlzoo.load_bundle(folder)
        self._lock = threading.Lock()
        self._about = about_bundle(self._bundle.facts, f"bundle {folder}, version {self._bundle.folder.name}")
        self.explains = self._about.task == "classification"

    def describe(self) -> About:
        """Returns what `bundle.json` says."""
        return self._about

    def predict(self, items: Sequence[Any]) -> list[Answer]:
        """Answers for each item."""
        return [judged(self._about, said) for said in self._ask(items)]

    def explain(self, item: Any, label: str | None = None, tell: Tell = untold) -> Reason:
        """Says why, by hiding parts of the item."""
        return reasons.by_hiding(self._ask, self._about, item, label, tell)

    def samples(self) -> list[bytes]:
        """Returns those of its warm-up requests."""
        return tlzoo.samples(self._bundle.folder)

    def ready(self) -> Condition:
        """Says that it is loaded."""
        return Condition(True, f"Answers come from {self._about.where}.")

    def _ask(self, items: Sequence[Any]) -> list[Prediction]:
        with self._lock:
            return self._bundle.predict(list(items))

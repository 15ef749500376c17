"""What a plan needs to be carried out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tlzoo.backbones.backbone import Backbone
from tlzoo.data.dataset import Dataset
from tlzoo.data.pixels import PixelStore
from tlzoo.data.splits import Splits
from tlzoo.features.extract import Extractor
from tlzoo.plans import Plan
from tlzoo.tasks.classification import Classification, class_weights
from tlzoo.training.callbacks.progress import Progress
from tlzoo.training.feed import Examples
from tlzoo.training.rundir import RunDir


@dataclass(frozen=True)
class Context:
    """Everything a phase may use.

    Attributes:
        plan: What to do.
        run: Where to write it down.
        backbone: With its weights loaded.
        dataset: All items.
        splits: Which items train, validate and test.
        task: What is learned.
        progress: Told how far things are.
    """

    plan: Plan
    run: RunDir
    backbone: Backbone
    dataset: Dataset
    splits: Splits
    task: Classification
    progress: Progress | None = None
    engine: str = "auto"

    @cached_property
    def extractor(self) -> Extractor:
        """Features of the backbone as it was loaded."""
        return Extractor(self.backbone, self.dataset, self.plan.resize, self.engine, progress=self.progress)

    @cached_property
    def pixels(self) -> PixelStore:
        """All images, decoded and resized once."""
        return PixelStore.open(self.dataset, self.plan.size, self.plan.resize, progress=self.progress)

    @property
    def labels(self) -> np.ndarray:
        """Labels int (n,) of all items."""
        return self.dataset.labels

    def examples(self, indices: np.ndarray, *, weighted: bool) -> Examples:
        """Returns the pixels of some items as examples.

        Args:
            indices: Items, int (m,).
            weighted: Whether class weights apply.
        """
        store = self.pixels
        weights = self.weights(indices) if weighted else np.ones(len(indices), np.float32)
        return Examples(
            read=lambda chosen: store.read(indices[chosen]),
            shape=(*self.plan.size, 3),
            dtype="uint8",
            targets=self.task.targets(self.labels[indices]),
            weights=weights,
        )

    def weights(self, indices: np.ndarray) -> np.ndarray:
        """Returns the class weight of each of some training items, float32 (m,)."""
        per_class = class_weights(
            self.labels[self.splits.train], len(self.task.class_names), self.plan.class_weights
        )
        return per_class[self.labels[indices]]

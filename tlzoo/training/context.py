"""What a plan needs to be carried out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tlzoo.backbones.backbone import Backbone
from tlzoo.data.dataset import Dataset
from tlzoo.data.pixels import Pixels, open_pixels
from tlzoo.data.splits import Splits
from tlzoo.errors import DataError
from tlzoo.features.extract import Extractor
from tlzoo.plans import Plan
from tlzoo.progress import Progress
from tlzoo.tasks.classification import Classification, class_weights
from tlzoo.training.feed import Examples
from tlzoo.training.rundir import RunDir

log = logging.getLogger("tlzoo")


@dataclass(frozen=True)
class Decoded:
    """Decoded images by their index in the data set.

    Attributes:
        pixels: Decoded images, without those that are broken.
        rows: Row in `pixels` of each index of the data set, int (n,); -1 for broken images.
    """

    pixels: Pixels
    rows: np.ndarray

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns uint8 pixels (m, h, w, 3) of the images at `indices`."""
        return self.pixels.read(self.rows[indices])


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
        engine: `auto`, `graph` or `litert`, for features.
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
    def pixels(self) -> Decoded:
        """All images that can be decoded, decoded and resized once, by their index in the data set."""
        clean, pixels = open_pixels(self.dataset, self.plan.size, self.plan.resize, progress=self.progress)
        row = {key: at for at, key in enumerate(clean.keys)}
        return Decoded(pixels, np.array([row.get(key, -1) for key in self.dataset.keys], np.int64))

    def without_broken(self) -> Context:
        """Returns the context with images that cannot be decoded taken out of the splits.

        Raises:
            DataError: More are broken than the data set tolerates, or a class has no training example left.
        """
        if self.plan.phases[0].inputs == "features":
            broken = np.flatnonzero(np.isnan(self.extractor.plain()[:, 0]))
        else:
            broken = np.flatnonzero(self.pixels.rows < 0)
        if not len(broken):
            return self
        log.warning(
            "%d images cannot be decoded and are left out: %s …", len(broken), self.dataset.keys[broken[0]]
        )
        left = [np.setdiff1d(part, broken, assume_unique=True) for _, part in self.splits.items()]
        gone = np.setdiff1d(np.arange(len(self.task.class_names)), self.labels[left[0]])
        if len(gone):
            raise DataError(
                f"No training image of class '{self.task.class_names[gone[0]]}' can be decoded.",
                allowed="1 or more sound training images of each class.",
                do="`tlzoo data check` names the broken files: replace them.",
            )
        return replace(self, splits=Splits(*left))

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

"""What a plan needs to be carried out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tlzoo.backbones.backbone import Backbone, build_backbone
from tlzoo.data.dataset import Dataset
from tlzoo.data.pixels import Pixels, open_pixels
from tlzoo.data.splits import Splits
from tlzoo.errors import DataError
from tlzoo.features.cache import FeatureCache
from tlzoo.features.extract import Extractor
from tlzoo.features.text_extract import TextExtractor
from tlzoo.features.tokens import Strings, Tokens
from tlzoo.plans import Plan
from tlzoo.progress import Progress
from tlzoo.tasks.task import Task
from tlzoo.training.deadline import Deadline
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
    lengths: None = None

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
        engine: `auto`, `graph`, `litert` (images), `fused` or `xla` (texts), for features.
        feature_root: Where features are kept; by default the cache.
        deadline: When training stops, wherever it is; None lets it end.
    """

    plan: Plan
    run: RunDir
    backbone: Backbone
    dataset: Dataset
    splits: Splits
    task: Task
    progress: Progress | None = None
    engine: str = "auto"
    feature_root: Path | None = None
    deadline: Deadline | None = None

    @cached_property
    def extractor(self) -> Extractor | TextExtractor:
        """Features of the backbone as it was loaded."""
        if self.dataset.modality == "text":
            return TextExtractor(
                self.backbone, self.dataset, self.engine, self.feature_root, progress=self.progress
            )
        cache = FeatureCache(self.feature_root)
        return Extractor(
            self.backbone, self.dataset, self.plan.resize, self.engine, cache, progress=self.progress
        )

    @property
    def inputs(self) -> Decoded | Tokens | Strings:
        """All items as the backbone eats them, by their index in the data set."""
        extractor = self.extractor
        return extractor.inputs if isinstance(extractor, TextExtractor) else self.pixels

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
        if self.dataset.modality == "text":
            return self
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
        gone = self.task.unseen(self.labels[left[0]])
        if gone:
            raise DataError(
                f"No training image of class '{gone[0]}' can be decoded.",
                allowed="1 or more sound training images of each class.",
                do="`tlzoo data check` names the broken files: replace them.",
            )
        return replace(self, splits=Splits(*left))

    def tuned(self) -> Context:
        """Returns the context for phases after one that moved the backbone: features are computed anew.

        They are of use to this run only, so they are kept beside its checkpoints and go with them; and no engine is
        measured for weights that nobody else has.
        """
        root = self.run.checkpoint("features").with_suffix("")
        return replace(self, backbone=replace(self.backbone), engine="graph", feature_root=root)

    @cached_property
    def pretrained(self) -> Backbone:
        """A second copy of the backbone as it was pretrained, whatever training has made of the first."""
        plan = self.plan
        return build_backbone(
            self.backbone.card, size=plan.size, length=plan.length or None, long_text=plan.long_text
        )

    @property
    def labels(self) -> np.ndarray:
        """Labels of all items, as the data set has them."""
        return self.dataset.labels

    def examples(self, indices: np.ndarray, *, weighted: bool, labels: np.ndarray | None = None) -> Examples:
        """Returns some items, as the backbone eats them, as examples.

        Args:
            indices: Items, int (m,).
            weighted: Whether class weights apply.
            labels: What to take for their labels (m, …); None for their own, which are not looked at otherwise.
        """
        inputs = self.inputs
        labels = self.labels[indices] if labels is None else labels
        shape: tuple[int | None, ...] = (*self.plan.size, 3)
        if not isinstance(inputs, Decoded):
            shape = (None,) if isinstance(inputs, Tokens) else ()
        return Examples(
            read=lambda chosen: inputs.read(indices[chosen]),
            shape=shape,
            dtype={Decoded: "uint8", Tokens: "int32", Strings: "string"}[type(inputs)],
            targets=self.task.targets(labels),
            weights=self._weights(labels) if weighted else np.ones(len(indices), np.float32),
            lengths=None if inputs.lengths is None else inputs.lengths[indices],
        )

    def weights(self, indices: np.ndarray) -> np.ndarray:
        """Returns the class weight of each of some training items, float32 (m,)."""
        return self._weights(self.labels[indices])

    def _weights(self, labels: np.ndarray) -> np.ndarray:
        return self.task.weights(self.labels[self.splits.train], labels, self.plan.class_weights)

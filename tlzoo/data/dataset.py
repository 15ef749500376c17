"""A labelled data set as a value: items, labels, and where they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tlzoo.data.fingerprint import fingerprint
from tlzoo.data.splits import Material, Splits, refuse_useless, split
from tlzoo.data.strata import strata
from tlzoo.data.targets import Labels, decoded
from tlzoo.plans import TaskName

Item = Path | NDArray[np.uint8] | str
"""An image, by its path or as its pixels, or a text."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled items. Make one with `load`.

    Attributes:
        name: Short name for reports.
        items: Paths of images, or uint8 arrays `(h, w, 3)`; or texts.
        labels: int64 `(n,)`, indices into `class_names`; for `multilabel` uint8 `(n, c)`, 1 where a label is right; for
            `regression` float64 `(n,)`.
        class_names: In label order; for `regression` the one name `value`.
        keys: What reports and errors call each item: its path below the source, `row:NUMBER`, `array:INDEX` or
            `text:INDEX`.
        digests: SHA-256 of each item's content (of texts, in UTF-8); equal for exact duplicates.
        given_split: `train`, `validation`, `test` or None for each item, or None where nobody split it.
        groups: Items of one group never straddle splits; or None.
        skipped: Broken items that were left out, as (key, reason).
        ignored: Files that are no images (or texts), or that stand where no class is.
        source: Where it was loaded from.
        symmetry: Which mirrorings and turns leave a label as it is; see `cards.DatasetCard`.
        test_fraction: Share that `split` holds out for the test set by default.
        tolerance: Largest share of broken items that is skipped; more are refused.
        modality: `image` or `text`.
        notes: What was decided while it was read, in words, such as the encoding of its files.
        task: What is to be learned: `classification`, `multilabel` or `regression`.
        options: What `load` was told beside the source; with it, the source gives the same data again.
    """

    name: str
    items: Sequence[Item]
    labels: Labels
    class_names: tuple[str, ...]
    keys: tuple[str, ...]
    digests: tuple[str, ...]
    given_split: tuple[str | None, ...] | None = None
    groups: tuple[str, ...] | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    source: str = ""
    test_fraction: float = 0.2
    symmetry: Literal["none", "horizontal", "dihedral"] = "horizontal"
    tolerance: float = 0.02
    modality: Literal["image", "text"] = "image"
    notes: tuple[str, ...] = ()
    task: TaskName = "classification"
    options: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = field(init=False)
    """SHA-256 over every item's key, content, label, split and group, whatever their order."""

    def __post_init__(self) -> None:
        words = self.words()
        object.__setattr__(
            self, "fingerprint", fingerprint(self.keys, self.digests, words, self.given_split, self.groups)
        )

    def __len__(self) -> int:
        return len(self.items)

    def words(self) -> list[str]:
        """Returns the label of each item as a word: a class name, a number, or names with `;` between them."""
        return decoded(self.task, self.labels, self.class_names)

    def counts(self, indices: NDArray[np.int64] | None = None) -> dict[str, int]:
        """Returns the number of items of each class (with each label, with a number), in label order.

        Args:
            indices: Items that count; all by default.
        """
        labels = self.labels if indices is None else self.labels[indices]
        if self.task == "classification":
            found = np.bincount(labels, minlength=len(self.class_names))
        else:
            found = np.array([len(labels)]) if labels.ndim == 1 else labels.sum(axis=0, dtype=np.int64)
        return dict(zip(self.class_names, found.tolist(), strict=True))

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> Dataset:
        """Returns the items at `indices`, in that order, with the same classes.

        Args:
            indices: int64 `(m,)` in 0..n-1.
        """
        chosen = np.asarray(indices, np.int64)

        def pick(values: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(values[index] for index in chosen)

        return replace(
            self,
            items=pick(self.items),
            labels=self.labels[chosen],
            keys=pick(self.keys),
            digests=pick(self.digests),
            given_split=None if self.given_split is None else pick(self.given_split),
            groups=None if self.groups is None else pick(self.groups),
        )

    def without(self, broken: Mapping[int, str]) -> Dataset:
        """Returns the data set without some items, which are noted in `skipped`.

        Args:
            broken: Reason by index, as `pixels` reports them; empty returns the data set itself.
        """
        if not broken:
            return self
        left = [index for index in range(len(self)) if index not in broken]
        noted = tuple((self.keys[index], broken[index]) for index in sorted(broken))
        return replace(self.subset(left), skipped=self.skipped + noted)

    def split(self, seed: int, validation: float = 0.15, test: float | None = None) -> Splits:
        """Splits into train, validation and test; see `splits.split`.

        Args:
            seed: 0 or more.
            validation: Share of the items that tune.
            test: Share of the items that judge; by default `test_fraction`.

        Returns:
            Indices into this data set.

        Raises:
            DataError: The groups or given splits leave a class without training examples, or a number without change.

        Example:
            >>> splits = dataset.split(seed=0)  # doctest: +SKIP
            >>> len(splits.train), len(splits.validation), len(splits.test)  # doctest: +SKIP
            (1574, 394, 656)
        """
        classes = self.class_names if self.task == "classification" else None
        material = Material(strata(self.labels), self.digests, self.groups, self.given_split, classes)
        share = self.test_fraction if test is None else test
        found = split(material, seed=seed, validation=validation, test=share)
        refuse_useless(self.task, self.labels[found.train], self.class_names)
        return found

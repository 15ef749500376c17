"""A labelled data set as a value: items, labels, and where they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tlzoo.data.fingerprint import fingerprint
from tlzoo.data.splits import Material, Splits, split

Item = Path | NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled items. Make one with `load`.

    Attributes:
        name: Short name for reports.
        items: Paths of images, or uint8 arrays `(h, w, 3)`.
        labels: int64 `(n,)`, indices into `class_names`.
        class_names: In label order.
        keys: What reports and errors call each item: its path below the source, or `array:INDEX`.
        digests: SHA-256 of each item's content; equal for exact duplicates.
        given_split: `train`, `validation`, `test` or None for each item, or None where nobody split it.
        groups: Items of one group never straddle splits; or None.
        skipped: Broken items that were left out, as (key, reason).
        ignored: Files that are no images, or that stand where no class is.
        source: Where it was loaded from.
        symmetry: Which mirrorings and turns leave a label as it is; see `cards.DatasetCard`.
        test_fraction: Share that `split` holds out for the test set by default.
        tolerance: Largest share of broken items that is skipped; more are refused.
        modality: `image`.
    """

    name: str
    items: Sequence[Item]
    labels: NDArray[np.int64]
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
    modality: str = "image"
    fingerprint: str = field(init=False)
    """SHA-256 over every item's key, content, label, split and group, whatever their order."""

    def __post_init__(self) -> None:
        names = [self.class_names[label] for label in self.labels]
        object.__setattr__(
            self, "fingerprint", fingerprint(self.keys, self.digests, names, self.given_split, self.groups)
        )

    def __len__(self) -> int:
        return len(self.items)

    def counts(self) -> dict[str, int]:
        """Returns the number of items of each class, in label order."""
        found = np.bincount(self.labels, minlength=len(self.class_names))
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
            DataError: The groups or given splits leave a class without training examples.

        Example:
            >>> splits = dataset.split(seed=0)  # doctest: +SKIP
            >>> len(splits.train), len(splits.validation), len(splits.test)  # doctest: +SKIP
            (1574, 394, 656)
        """
        material = Material(self.labels, self.digests, self.groups, self.given_split, self.class_names)
        share = self.test_fraction if test is None else test
        return split(material, seed=seed, validation=validation, test=share)

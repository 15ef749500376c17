"""Who trains, who tunes, who judges: stratified, group-aware splits that depend on nothing but seed and content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlzoo.data.carve import carve
from tlzoo.errors import DataError, UsageError
from tlzoo.plans import TaskName

Indices = NDArray[np.int64]

TRAIN, VALIDATION, TEST = "train", "validation", "test"
NAMES = (TRAIN, VALIDATION, TEST)

WORDS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
"""What people call splits, in folders and tables, in lower case."""


@dataclass(frozen=True, eq=False)
class Splits:
    """Three sets of indices into a data set; sorted, disjoint, together whole.

    Attributes:
        train: int64 `(n,)`, what weights learn from.
        validation: int64 `(n,)`, what choices (epochs, penalties, temperature) are made on.
        test: int64 `(n,)`, what is looked at once.
    """

    train: Indices
    validation: Indices
    test: Indices

    def items(self) -> tuple[tuple[str, Indices], ...]:
        """Returns `(("train", …), ("validation", …), ("test", …))`."""
        return ((TRAIN, self.train), (VALIDATION, self.validation), (TEST, self.test))

    def names(self) -> list[str]:
        """Returns the split of every item, in the order of the data set."""
        named = [""] * sum(len(indices) for _, indices in self.items())
        for name, indices in self.items():
            for index in indices:
                named[index] = name
        return named


@dataclass(frozen=True, eq=False)
class Material:
    """What a split is made from.

    Attributes:
        labels: int64 `(n,)`: classes, or whatever is to be spread evenly.
        keys: What tells items apart whatever their order: hashes of their contents.
        groups: Items of one group never straddle splits; None where every item stands for itself.
        given: The authors' split of each item; None where there is none.
        class_names: For errors, in label order; None where labels are no classes, so that training may miss one.
    """

    labels: Indices
    keys: Sequence[str]
    groups: Sequence[str] | None = None
    given: Sequence[str | None] | None = None
    class_names: Sequence[str] | None = ()


def split(material: Material, *, seed: int, validation: float = 0.15, test: float = 0.2) -> Splits:
    """Splits a data set; the same contents and seed always give the same split, in whatever order they come.

    Items with the same key (identical files) and items of one group stay together. A given test or validation
    set is kept; what is missing is carved out of the training items.

    Args:
        material: Labels, keys, groups and given splits.
        seed: 0 or more.
        validation: Share of all items that tune; of the items outside a given test set where there is one.
        test: Share of all items that judge; of the items outside a given validation set where there is one.

    Returns:
        Indices whose classes are all in `train`, and in `test` and then `validation` as far as counts allow: a
        class with two examples (or in two groups) has none in `validation`, which may therefore be empty.

    Raises:
        UsageError: The shares leave nothing to train on.
        DataError: Groups straddle the given splits, a class is missing from training, or all is one group.

    Example:
        >>> material = Material(np.repeat([0, 1], 10), [f"item {i}" for i in range(20)])
        >>> [len(indices) for _, indices in split(material, seed=0).items()]
        [13, 3, 4]
    """
    if not (0 <= validation < 1 and 0 < test < 1 and validation + test < 1):
        raise UsageError(
            f"validation={validation:g} and test={test:g}.",
            allowed="shares of 0 or more (test above 0) that add up to less than 1.",
            do="Lower one of them.",
        )
    clusters = _clusters(material)
    assigned = np.full(len(material.labels), -1, np.int64)
    if material.given is not None:
        assigned = np.array([_number(word) for word in material.given], np.int64)
        _refuse_straddling(material, assigned)
    has = {number for number in (1, 2) if (assigned == number).any()}
    shares = {1: 0.0 if 1 in has else validation, 2: 0.0 if 2 in has else test}
    pool = np.flatnonzero(assigned <= 0)
    if any(shares.values()):
        keys = [material.keys[index] for index in pool.tolist()]
        assigned[pool] = carve(material.labels[pool], clusters[pool], keys, shares, seed)
    else:
        assigned[pool] = 0
    found = Splits(*(np.flatnonzero(assigned == number).astype(np.int64) for number in range(3)))
    _refuse_unseen(material, found)
    if not len(found.test):
        raise DataError(
            "nothing is left for the test set: every group holds the only examples of some class.",
            allowed="classes that are spread over 2 groups or more.",
            do="Use finer groups, or give the test set yourself in a split column.",
        )
    return found


def _number(word: str | None) -> int:
    if word is None:
        return -1
    return NAMES.index(word)


def _clusters(material: Material) -> Indices:
    """Returns int64 `(n,)`: equal numbers for items that must stay together (union of groups and equal keys)."""
    parent = np.arange(len(material.labels))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = int(parent[index])
        return index

    for words in (material.keys, material.groups):
        first: dict[str, int] = {}
        for index, word in enumerate(words or ()):
            if word in first:
                parent[root(index)] = root(first[word])
            else:
                first[word] = index
    return np.array([root(index) for index in range(len(parent))], np.int64)


def _refuse_straddling(material: Material, assigned: Indices) -> None:
    where: dict[str, int] = {}
    for group, number in zip(material.groups or (), np.maximum(assigned, 0), strict=False):
        if where.setdefault(group, int(number)) != number:
            names = f"{NAMES[where[group]]} and {NAMES[number]}"
            raise DataError(
                f"group '{group}' stands in {names}.",
                allowed="a group inside one split.",
                do="Correct the split column, or drop it to let groups decide.",
            )


def refuse_useless(task: TaskName, labels: NDArray, names: Sequence[str]) -> None:
    """Raises `DataError` for training labels that teach nothing: a constant number, a label that is never right.

    Args:
        task: What is learned; classes are looked after by `split` itself.
        labels: Of the training split.
        names: In label order.
    """
    if task == "regression" and np.ptp(labels) == 0:
        raise DataError(
            f"every training example has the value {labels[0]:g}.",
            allowed="numbers that differ.",
            do="Give other training examples, or drop the split column.",
        )
    if task == "multilabel" and (labels.sum(axis=0) == 0).any():
        missing = [names[at] for at in np.flatnonzero(labels.sum(axis=0) == 0).tolist()]
        raise DataError(
            f"no training example has {', '.join(map(repr, missing[:5]))}.",
            allowed="every label is right for some training examples.",
            do="Add some, leave the label out, or try another --seed.",
        )


def _refuse_unseen(material: Material, splits: Splits) -> None:
    if material.class_names is None:
        return
    seen = set(material.labels[splits.train])
    missing = sorted(set(material.labels) - seen)
    if missing:
        names = [material.class_names[label] if material.class_names else str(label) for label in missing]
        raise DataError(
            f"no training example of {', '.join(map(repr, names[:5]))}.",
            allowed="every class has training examples.",
            do="Add some, leave the class out, or let the groups be smaller.",
        )

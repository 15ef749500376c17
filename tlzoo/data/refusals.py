"""What no classifier is learned from: too much that is broken, too few classes, too few examples."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tlzoo.data.dataset import Dataset
from tlzoo.data.splits import TRAIN
from tlzoo.errors import DataError, UsageError

OnBroken = Literal["refuse", "skip"] | float
FEWEST_NUMBERS = 10
"""Examples a regression needs at least: fewer are no test of anything."""
ON_BROKEN = 0.02
"""Share of broken items that is skipped unless something else is asked for."""


def tolerance(on_broken: OnBroken) -> float:
    """Returns the share of broken items that `on_broken` lets pass: 0 to 1."""
    if on_broken in ("refuse", "skip"):
        return 0.0 if on_broken == "refuse" else 1.0
    if isinstance(on_broken, (int, float)) and 0 <= on_broken <= 1:
        return float(on_broken)
    raise UsageError(f"on_broken={on_broken!r}.", allowed="'refuse', 'skip' or a share from 0 to 1.")


def refuse_broken(
    broken: tuple[tuple[str, str], ...], total: int, allowed: float, *, noun: str = "images"
) -> None:
    """Raises `DataError`, naming the first ones, if more than the `allowed` share of `total` is broken."""
    if len(broken) <= allowed * total:
        return
    shown = "; ".join(f"'{key}': {why}" for key, why in broken[:3])
    more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
    raise DataError(
        f"{len(broken)} of {total} {noun} cannot be read ({shown}{more}).",
        allowed=f"at most {allowed:.1%} of them." if allowed else "none of them.",
        do="Replace or remove them (`tlzoo data check` lists them all), or load with on_broken='skip'.",
    )


def refuse_unlearnable(dataset: Dataset, *, to_learn: bool = True) -> None:
    """Raises `DataError` for data from which nothing can be learned and judged."""
    if dataset.task != "classification":
        if to_learn or not len(dataset):
            _refuse_numbers(dataset) if dataset.task == "regression" else _refuse_sets(dataset)
        return
    counts, noun = dataset.counts(), f"{dataset.modality}s"
    present = [label for label, count in counts.items() if count]
    if not present:
        raise DataError(
            f"'{dataset.source}' holds no {noun}.", allowed="2 classes or more.", do="Check the path."
        )
    if not to_learn:
        return
    if len(present) == 1:
        raise DataError(
            f"'{dataset.source}' has one class only, '{present[0]}'.",
            allowed="2 classes or more.",
            do=f"Add a folder (or rows) with {noun} of something else.",
        )
    small = [f"'{label}' ({count})" for label, count in counts.items() if count < 2]
    if small:
        raise DataError(
            f"too few examples of {', '.join(small[:5])}.",
            allowed="2 or more of each class (one to learn from, one to be judged by); 3 to tune as well.",
            do=f"Add {noun} of it, or leave the class out.",
        )
    _refuse_test_only(dataset)


def _refuse_numbers(dataset: Dataset) -> None:
    if len(dataset) < FEWEST_NUMBERS:
        raise DataError(
            f"'{dataset.source}' holds {len(dataset)} {dataset.modality}s with a number.",
            allowed=f"{FEWEST_NUMBERS} or more.",
            do="Add some.",
        )
    if np.ptp(dataset.labels) == 0:
        raise DataError(
            f"every label of '{dataset.source}' is {dataset.labels[0]:g}.",
            allowed="numbers that differ.",
            do="Name another label column.",
        )


def _refuse_sets(dataset: Dataset) -> None:
    if len(dataset.class_names) < 2:
        raise DataError(
            f"'{dataset.source}' has {len(dataset.class_names)} labels.",
            allowed="2 labels or more for the task multilabel.",
            do="For one label, learn two classes: --task classification.",
        )
    counts = dataset.counts()
    never = [name for name, count in counts.items() if count < 2]
    always = [name for name, count in counts.items() if count == len(dataset)]
    if never or always:
        shown = ", ".join(map(repr, (never or always)[:5]))
        found = f"fewer than 2 examples have {shown}" if never else f"every example has {shown}"
        raise DataError(
            f"'{dataset.source}': {found}.",
            allowed="labels that 2 examples or more have, and some have not.",
            do="Add examples, or leave the label out.",
        )


def _refuse_test_only(dataset: Dataset) -> None:
    if dataset.given_split is None:
        return
    learned = {
        label
        for label, word in zip(dataset.labels, dataset.given_split, strict=True)
        if word in (None, TRAIN)
    }
    unseen = [name for label, name in enumerate(dataset.class_names) if label not in learned]
    if unseen:
        raise DataError(
            f"{', '.join(map(repr, unseen[:5]))}: in the test or validation set only.",
            allowed="classes that have training examples.",
            do="Add training examples, or take the class out of the test set.",
        )

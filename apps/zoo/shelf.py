"""The cards that the page shows, looked up again when they are old."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Literal

import tlzoo

FRESH = 10.0
"""Seconds for which what is at hand counts as known."""
ANY = "any"
Kind = Literal["backbone", "dataset"]
SORTS = ("parameters", "accuracy", "download", "features", "name")
"""Orders of the list of backbones; the first is the usual one."""


@dataclass(frozen=True)
class Wish:
    """What a visitor wants to see.

    Attributes:
        words: Which must all be in a card's name, title, family or notes.
        modality: `image`, `text` or `any`.
        task: `classification`, `multilabel`, `regression` or `any`.
        family: Of architectures, or `any`.
        most: Parameters at most, in millions; 0 for any.
        at_hand: Whether only what is on this machine.
        sort: One of `SORTS`.
    """

    words: str = ""
    modality: str = ANY
    task: str = ANY
    family: str = ANY
    most: float = 0
    at_hand: bool = False
    sort: str = SORTS[0]

    def takes(self, entry: Any) -> bool:
        """Tells whether a card passes; data sets have neither family nor parameters to pass."""
        card = entry.card
        said = " ".join(
            str(card.get(key, "")) for key in ("name", "title", "family", "notes", "licence")
        ).lower()
        return all(
            (
                all(word in said for word in self.words.lower().split()),
                self.modality in (ANY, card.modality),
                self.family in (ANY, card.get("family", ANY)),
                not self.most or card.get("params", 0) <= self.most * 1e6,
                entry.at_hand or not self.at_hand,
            )
        )


class Shelf:
    """All cards, shared by all visitors."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Kind, str], tuple[float, list[Any]]] = {}

    def entries(self, kind: Kind, task: str = ANY) -> list[Any]:
        """Returns all cards of a kind: `card`, `at_hand`, `cost`.

        Args:
            kind: Backbones or data sets.
            task: What they can learn, or be learned from.
        """
        with self._lock:
            at, found = self._known.get((kind, task), (0.0, []))
            if not found or time.monotonic() - at > FRESH:
                found = tlzoo.catalogue(kind, task=None if task == ANY else task)
                self._known[kind, task] = time.monotonic(), found
            return found

    def families(self) -> list[str]:
        """Returns the families of backbones, by name."""
        return sorted({entry.card.family for entry in self.entries("backbone")})

    def find(self, kind: Kind, wish: Wish) -> list[Any]:
        """Returns the cards of a kind that a visitor wants to see, in the wished order."""
        found = [entry for entry in self.entries(kind, wish.task) if wish.takes(entry)]
        return found if kind == "dataset" else sorted(found, key=lambda entry: _rank(entry.card, wish.sort))

    def named(self, name: str) -> Any | None:
        """Returns the card of that name, of either kind; None if there is none."""
        every = [*self.entries("backbone"), *self.entries("dataset")]
        return next((entry for entry in every if entry.card.name == name), None)


def _rank(card: Any, sort: str) -> tuple[Any, ...]:
    accuracy = card.pretraining.accuracy
    keys: dict[str, tuple[Any, ...]] = {
        SORTS[0]: (card.params,),
        SORTS[1]: (-(accuracy.top1 if accuracy else 0),),
        SORTS[2]: (card.weight_bytes,),
        SORTS[3]: (-card.features,),
        SORTS[4]: (),
    }
    return (*keys[sort], card.name)

"""The registry: an object built from a folder of cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from tlzoo import paths
from tlzoo.errors import CardError, UnknownNameError, unknown_name

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard, DatasetCard
    from tlzoo.cards.glance import Glance

Card = TypeVar("Card", "BackboneCard", "DatasetCard")


class Registry(Generic[Card]):
    """Cards of one kind, by name.

    Reading is lazy: `get` reads one file, iterating reads them all, `glances` reads none that it knows.

    Args:
        folder: A folder of `NAME.toml` files.
        kind: Name of the card's model in `tlzoo.cards`.
        noun: What errors call a card of this kind.

    Example:
        >>> backbones().get("efficientnet_lite0").features
        1280
    """

    def __init__(self, folder: Path, kind: str, noun: str) -> None:
        self._folder = folder
        self._kind = kind
        self._noun = noun
        self._cards: dict[str, Card] = {}

    @property
    def names(self) -> list[str]:
        """Names of all cards, sorted; no card is read."""
        return sorted(path.stem for path in self._folder.glob("*.toml"))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.names

    def __iter__(self) -> Iterator[Card]:
        return (self.get(name) for name in self.names)

    def __len__(self) -> int:
        return len(self.names)

    def get(self, name: str) -> Card:
        """Returns the card called `name`.

        Raises:
            UnknownNameError: There is none; the error suggests close names.
            CardError: The card does not hold together.
        """
        if name not in self._cards:
            from tlzoo import cards

            if name not in self:
                raise self._unknown(name)
            self._cards[name] = cards.read_card(self._folder / f"{name}.toml", getattr(cards, self._kind))
        return self._cards[name]

    def glances(self) -> list[Glance]:
        """Returns the values of all cards, by name; quick if they were checked before.

        Raises:
            CardError: A card does not hold together.
        """
        from tlzoo.cards.glance import glances

        return glances(self._folder, lambda: [card.model_dump(mode="json") for card in self])

    def glance(self, name: str) -> Glance:
        """Returns the values of one card, whatever is wrong with the others.

        Raises:
            UnknownNameError: There is none; the error suggests close names.
            CardError: The card does not hold together.
        """
        from tlzoo.cards.glance import plain

        if name not in self:
            raise self._unknown(name)
        try:
            return next(card for card in self.glances() if card.name == name)
        except CardError:
            return plain(self.get(name).model_dump(mode="json"))

    def _unknown(self, name: str) -> UnknownNameError:
        return unknown_name(self._noun, name, self.names, do="`tlzoo list` shows them all.")


def backbones(zoo: Path | None = None) -> Registry[BackboneCard]:
    """Returns the registry of backbones in `zoo` (by default the shipped one)."""
    return Registry((zoo or paths.zoo_dir()) / "backbones", "BackboneCard", "backbone")


def datasets(zoo: Path | None = None) -> Registry[DatasetCard]:
    """Returns the registry of data sets in `zoo` (by default the shipped one)."""
    return Registry((zoo or paths.zoo_dir()) / "datasets", "DatasetCard", "data set")

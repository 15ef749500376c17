"""The registry: an object built from a folder of cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from tlzoo import paths
from tlzoo.cards import BackboneCard, DatasetCard, read_card
from tlzoo.errors import unknown_name

Card = TypeVar("Card", BackboneCard, DatasetCard)


class Registry(Generic[Card]):
    """Cards of one kind, by name.

    Reading is lazy: `get` reads one file, iterating reads them all.

    Args:
        folder: A folder of `NAME.toml` files.
        kind: The card's model.
        noun: What errors call a card of this kind.

    Example:
        >>> backbones().get("efficientnet_lite0").features
        1280
    """

    def __init__(self, folder: Path, kind: type[Card], noun: str) -> None:
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
            if name not in self:
                raise unknown_name(self._noun, name, self.names, do="`tlzoo list` shows them all.")
            self._cards[name] = read_card(self._folder / f"{name}.toml", self._kind)
        return self._cards[name]


def backbones(zoo: Path | None = None) -> Registry[BackboneCard]:
    """Returns the registry of backbones in `zoo` (by default the shipped one)."""
    return Registry((zoo or paths.zoo_dir()) / "backbones", BackboneCard, "backbone")


def datasets(zoo: Path | None = None) -> Registry[DatasetCard]:
    """Returns the registry of data sets in `zoo` (by default the shipped one)."""
    return Registry((zoo or paths.zoo_dir()) / "datasets", DatasetCard, "dataset")

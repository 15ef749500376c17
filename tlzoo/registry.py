"""The registry: an object built from a folder of cards, and maybe the user's own beside it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tlzoo import paths
from tlzoo.errors import CardError, UnknownNameError, unknown_name

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard, DatasetCard
    from tlzoo.cards.app import AppCard
    from tlzoo.cards.glance import Glance

Card = TypeVar("Card", "BackboneCard", "DatasetCard")


class Registry(Generic[Card]):
    """Cards of one kind, by name.

    Reading is lazy: `get` reads one file, iterating reads them all, `glances` reads none that it knows.

    Args:
        folder: A folder of `NAME.toml` files.
        kind: Name of the card's model in `tlzoo.cards`.
        noun: What errors call a card of this kind.
        user: The user's own folder, if it is looked at. Its cards add to the others and never replace one.

    Example:
        >>> backbones().get("efficientnet_lite0").features
        1280
    """

    def __init__(self, folder: Path, kind: str, noun: str, user: Path | None = None) -> None:
        self._folder = folder
        self._user = user
        self._kind = kind
        self._noun = noun
        self._cards: dict[str, Card] = {}

    @property
    def names(self) -> list[str]:
        """Names of all cards, sorted; no card is read."""
        return sorted({path.stem for folder in self._folders for path in folder.glob("*.toml")})

    @property
    def _folders(self) -> list[Path]:
        return [self._folder] if self._user is None else [self._folder, self._user]

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
            self._cards[name] = cards.read_card(self._path(name), getattr(cards, self._kind))
        return self._cards[name]

    def _path(self, name: str) -> Path:
        """Returns the file of a card that exists.

        Raises:
            CardError: The user has a card of the same name as one that is shipped.
        """
        found = [path for folder in self._folders if (path := folder / f"{name}.toml").is_file()]
        if len(found) > 1:
            raise CardError(
                f"{found[1]} has the name of a {self._noun} that is shipped, {found[0]}.",
                allowed="cards of your own under names of their own.",
                do="Rename or remove your card.",
            )
        return found[0]

    def glances(self) -> list[Glance]:
        """Returns the values of all cards, by name; quick if they were checked before.

        Raises:
            CardError: A card does not hold together.
        """
        from tlzoo.cards.glance import glances

        found: list[Glance] = []
        for folder, label in zip(self._folders, ("", f"{self._folder.name}_user"), strict=False):
            names = sorted(path.stem for path in folder.glob("*.toml"))
            if folder == self._user:
                for name in names:
                    self._path(name)  # what is remembered was checked when the shipped cards were others
            if names:
                found += glances(folder, partial(self._values, names), label)
        return sorted(found, key=lambda card: str(card.name))

    def _values(self, names: list[str]) -> list[dict[str, Any]]:
        return [self.get(name).model_dump(mode="json") for name in names]

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
    """Returns the registry of backbones in `zoo`; by default of the shipped ones and the user's own."""
    return Registry(*_place(zoo, "backbones", "BackboneCard", "backbone"))


def datasets(zoo: Path | None = None) -> Registry[DatasetCard]:
    """Returns the registry of data sets in `zoo`; by default of the shipped ones and the user's own."""
    return Registry(*_place(zoo, "datasets", "DatasetCard", "data set"))


def _place(zoo: Path | None, folder: str, kind: str, noun: str) -> tuple[Path, str, str, Path | None]:
    if zoo is not None:
        return zoo / folder, kind, noun, None
    return paths.zoo_dir() / folder, kind, noun, paths.user_zoo_dir() / folder


def apps() -> list[AppCard]:
    """Returns the cards of all apps, by name; imports none of them."""
    from tlzoo.cards.app import AppCard
    from tlzoo.cards.reader import read_card

    files = sorted(paths.apps_dir().glob("*/*.toml"))
    return [read_card(file, AppCard) for file in files if file.stem == file.parent.name]


def app_card(name: str) -> AppCard:
    """Returns the card of one app.

    Raises:
        UnknownNameError: There is none of that name.
    """
    known = {card.name: card for card in apps()}
    if name not in known:
        raise unknown_name("app", name, known, do="`tlzoo app` lists them.")
    return known[name]

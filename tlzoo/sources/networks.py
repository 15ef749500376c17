"""The one door to networks: picks the source a card's locator names, and explains what cannot be reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from tlzoo import registry
from tlzoo.errors import CardError, TlzooError, UnreachableError
from tlzoo.sources import huggingface, keras_app, keras_hub, local, packages, tf_hub
from tlzoo.sources.locator import parse_locator

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard
    from tlzoo.progress import Progress


class Source(Protocol):
    """What every source module offers."""

    def at_hand(self, card: BackboneCard) -> bool:
        """Tells if the weights are on this machine."""

    def fetch(self, card: BackboneCard, progress: Progress | None = None) -> Path | None:
        """Brings the weights to this machine."""

    def load(self, card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
        """Builds the network."""


_SOURCES: dict[str, Source] = {
    "keras-app": keras_app,
    "keras-hub": keras_hub,
    "hf": huggingface,
    "pypi": packages,
    "tf-hub": tf_hub,
    "file": local,
}
_Answer = TypeVar("_Answer")


def load_network(card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    """Builds the headless, unpooled network a card describes.

    Args:
        card: The card.
        pretrained: False builds the same architecture with random weights and reads no file, but for `tf-hub:`, whose
            modules are their own architecture.
        size: Height and width in pixels.

    Returns:
        A functional model from preprocessed float32 (b, h, w, 3) to the last feature map, or to tokens.

    Raises:
        UnreachableError: The weights are not here and cannot be fetched; names what does work offline.
        ChecksumError: The weights are not what was pinned.
        WeightsError: The weights do not fit the architecture completely.
        CardError: The card names an architecture that does not exist.

    Example:
        >>> load_network(card, pretrained=False, size=(224, 224)).output_shape
        (None, 7, 7, 2048)
    """
    return _explained(card, lambda: _load(card, pretrained, size))


def at_hand(card: BackboneCard) -> bool:
    """Tells if a card's weights are on this machine; asks no network and imports no TensorFlow.

    Example:
        >>> [card.name for card in registry.backbones() if at_hand(card)]
        ['efficientnet_lite0']
    """
    return _source(card).at_hand(card)


def fetch(card: BackboneCard, progress: Progress | None = None) -> Path | None:
    """Brings a card's weights to this machine, verified, if they are not here yet.

    Args:
        card: The card.
        progress: Told `(done_bytes, total_bytes or None, text)`.

    Returns:
        The file or folder that holds them; None where the source keeps them to itself.

    Raises:
        UnreachableError: Nothing answers; names what does work offline.
        ChecksumError: What came is not what was pinned.
    """
    return _explained(card, lambda: _source(card).fetch(card, progress))


def offline_names() -> list[str]:
    """Returns the names of the zoo's backbones whose weights are on this machine."""
    names = []
    for card in registry.backbones():
        try:
            if at_hand(card):
                names.append(card.name)
        except TlzooError:
            continue  # a damaged copy is not at hand; using it will say why
    return names


def _source(card: BackboneCard) -> Source:
    return _SOURCES[parse_locator(card.locator).scheme]


def _explained(card: BackboneCard, act: Callable[[], _Answer]) -> _Answer:
    """Runs `act`; if weights cannot be reached, says whose, what was tried, and what works without."""
    try:
        return act()
    except UnreachableError as error:
        names = offline_names()
        raise UnreachableError(
            f"The weights of backbone '{card.name}' ({card.locator}) are not on this machine and cannot be "
            f"fetched. Tried: {error.what}",
            allowed=f"backbones that work offline here: {', '.join(names) or 'none yet'}.",
            do=f"{error.do} Or pick a backbone that works offline{_scratch(card)}.".strip(),
        ) from error


def _scratch(card: BackboneCard) -> str:
    """Offers to start without weights, where the architecture is known without them."""
    return "" if card.scheme == "tf-hub" else ", or start without weights (`scratch`, pretrained=False)"


def _load(card: BackboneCard, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    if "like" not in card.architecture:
        return _source(card).load(card, pretrained=pretrained, size=size)
    network = _load(_original(card), False, size)
    if pretrained and (path := _source(card).fetch(card)):
        local.fill(network, path)
    return network


def _original(card: BackboneCard) -> BackboneCard:
    """Returns the card that a card is `like`, through all that stand between.

    Raises:
        CardError: The chain comes back to a card it passed.
        UnknownNameError: No card has that name.
    """
    passed = [card.name]
    while "like" in card.architecture:
        card = registry.backbones().get(card.architecture["like"])
        if card.name in passed:
            raise CardError(
                f"`like` goes in a circle: {' -> '.join([*passed, card.name])}.",
                allowed="a chain that ends at a card of its own architecture.",
                do="Mend [architecture] in one of them.",
            )
        passed.append(card.name)
    return card

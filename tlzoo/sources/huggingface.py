"""`hf:ORG/NAME`: Hugging Face repositories that KerasHub reads or converts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo.errors import UnreachableError
from tlzoo.sources import keras_hub
from tlzoo.sources.locator import parse_locator

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard
    from tlzoo.progress import Progress

_PATTERNS = ["*.json", "*.safetensors", "*.weights.h5", "*.txt", "*.model", "*.spm"]


def hub_cache() -> Path:
    """Returns the folder Hugging Face's library keeps repositories in, by its own environment variables."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "huggingface" / "hub"


def find(card: BackboneCard) -> Path | None:
    """Returns the newest whole snapshot of the repository in the cache."""
    repository = parse_locator(card.locator).rest
    snapshots = (hub_cache() / f"models--{repository.replace('/', '--')}" / "snapshots").glob("*")
    whole = [path for path in snapshots if keras_hub.is_ready(card, path)]
    return max(whole, key=lambda path: path.stat().st_mtime, default=None)


def at_hand(card: BackboneCard) -> bool:
    """Tells if a whole snapshot of the repository is in the cache."""
    return find(card) is not None


def fetch(card: BackboneCard, progress: Progress | None = None) -> Path:
    """Returns the repository's folder, downloaded into Hugging Face's own cache if it is not there.

    Args:
        card: A card with an `hf:` locator.
        progress: Told what is being fetched; the hub's library draws its own bars on standard error.

    Raises:
        UnreachableError: The hub does not answer, or refuses.
    """
    if (folder := find(card)) is not None:
        return folder
    repository = parse_locator(card.locator).rest
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    from tlzoo.sources.download import require_answer

    require_answer(endpoint)
    import huggingface_hub

    if progress:
        progress(0, None, repository)
    try:
        with keras_hub.quiet_stdout():
            return Path(huggingface_hub.snapshot_download(repository, allow_patterns=_PATTERNS))
    except Exception as error:  # the hub's library raises its own, requests' and plain errors
        raise UnreachableError(
            f"{endpoint}/{repository}: {error}.", do="Check the name and your access."
        ) from error


def load(card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    """Builds the network; without weights from the card's `architecture`, or from the repository's configuration.

    Raises:
        UnreachableError: The repository is not here and cannot be fetched.
        WeightsError: KerasHub cannot convert it, or its weights do not fit.
    """
    folder = None if not pretrained and card.architecture else fetch(card)
    return keras_hub.build(card, folder, size, weights=pretrained)

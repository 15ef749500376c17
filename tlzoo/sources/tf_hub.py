"""`tf-hub:` TF Hub modules: from Kaggle, from tfhub.dev, from an archive or a folder.

A SavedModel is a program. Whoever loads one runs what it holds: TensorFlow's operations, without Python, and without
those that read or write files (`hub_graph.REACHING_OUT`). Handles therefore name an exact version, and cards can pin
files by SHA-256. `tensorflow_hub` is not used: it brings Keras 2, and all that is needed of it is where its cache is.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo import paths
from tlzoo.errors import CardError, UnreachableError
from tlzoo.sources import keras_hub, verify
from tlzoo.sources.locator import parse_locator

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard, Checksum
    from tlzoo.progress import Progress

_HUB = "https://api.kaggle.com"
_COMPRESSED = "?tf-hub-format=compressed"
_ARCHIVES = (".tar.gz", ".tgz")
_KAGGLE = re.compile(
    r"(https://(www\.)?kaggle\.com/models/)?(?P<owner>[^/:]+)/(?P<model>[^/]+)/(frameworks/)?[tT]ensorFlow2/"
    r"(variations/)?(?P<variation>[^/]+)/(versions/)?(?P<version>\d+)"
)
_KEYS = ("preprocessor", "signature", "output_key", "arguments")


def find(handle: str) -> Path | None:
    """Returns where a module lies on this machine: its folder, or an archive not unpacked yet; None if it does not.

    Args:
        handle: What stands after `tf-hub:`.
    """
    if _is_path(handle):
        path = Path(handle).expanduser()
        return path if path.is_dir() or (path.is_file() and path.name.endswith(_ARCHIVES)) else None
    places = [_cached(handle), *_kaggle_folders(handle), *_hub_folders(handle)]
    return next((place for place in places if (place / "saved_model.pb").is_file()), None)


def at_hand(card: BackboneCard) -> bool:
    """Tells if the card's module, and its preprocessor's if it has one, are on this machine."""
    return all(find(handle) is not None for handle in _handles(card))


def fetch(card: BackboneCard, progress: Progress | None = None) -> Path:
    """Returns the folder of the card's module, fetched if it is not here, and its preprocessor's with it.

    Args:
        card: A card with a `tf-hub:` locator. Its checksums pin the archive, or files inside the folder.
        progress: Told how far the download is.

    Raises:
        UnreachableError: Nothing answers, or nothing is there.
        ChecksumError: What came is not what was pinned.
        SourceError: The archive is broken or unsafe to unpack.
    """
    first, *others = _handles(card)
    for handle in others:
        fetch_module(handle, (), progress)
    return fetch_module(first, card.checksums, progress)


def fetch_module(handle: str, checksums: tuple[Checksum, ...] = (), progress: Progress | None = None) -> Path:
    """Returns the folder of one module; see `fetch`.

    Example:
        >>> fetch_module("google/nnlm/tensorFlow2/en-dim50/1").name  # doctest: +SKIP
        '1'
    """
    place = find(handle)
    if place is None and _is_path(handle):
        raise UnreachableError(
            f"{handle}, which does not exist.",
            do="Put the module's folder or .tar.gz there, or mend the locator.",
        )
    if place is None:
        place = _download(handle, checksums, progress)
    if place.is_file():
        verify.check_file(place, _archive_pin(place, checksums))
        place = _unpacked(place, _cached(handle if place == _archive(handle) else verify.sha256_of(place)))
    for pin in checksums:
        if not pin.file.endswith(_ARCHIVES):
            verify.check_file(place / pin.file, pin)
    return place


def load(card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    """Builds a functional model around the card's module.

    Args:
        card: Its `architecture` may hold `signature`, `output_key` and `arguments` of the module, and `preprocessor`,
            the handle of a module that strings go through first. Its stages' `members` are globs over the names of
            variables.
        pretrained: False fills the module's variables anew; the module itself is needed all the same.
        size: Height and width in pixels; texts have none.

    Returns:
        From preprocessed float32 (b, h, w, 3), or from strings (b,), to what the module gives.

    Raises:
        UnreachableError: The module is not here and cannot be fetched.
        SourceError: It is no TF2 SavedModel that can be called.
        CardError: The stages do not hold every variable once, or the module gives several outputs.
    """
    import keras
    import numpy as np

    from tlzoo.sources.hub_layer import HubLayer

    options = _options(card)
    parts = {stage.name: stage.members for stage in card.stages}
    image = card.modality == "image"
    inputs = keras.Input((*size, 3), name="image") if image else keras.Input((), dtype="string", name="texts")
    fed = inputs
    if handle := options.pop("preprocessor", None):
        fed = HubLayer(fetch_module(handle), name="preprocessor", trainable=False)(inputs)
    # `keras.utils.set_random_seed` seeds NumPy too, so that a seed decides these weights as it does all others.
    seed = 0 if pretrained else int(np.random.randint(2**31))
    folder = fetch(card)
    layer = HubLayer(folder, name="module", parts=parts, pretrained=pretrained, seed=seed, **options)
    outputs = layer(fed)
    if not isinstance(outputs, keras.KerasTensor):
        names = ", ".join(sorted(outputs)) if isinstance(outputs, dict) else f"{len(outputs)} tensors"
        raise CardError(
            f"{card.name}: the module gives {names}.",
            allowed="one tensor.",
            do='Choose one in the card: architecture = { output_key = "..." }.',
        )
    return keras.Model(inputs, outputs, name=card.name)


def _options(card: BackboneCard) -> dict[str, Any]:
    if unknown := card.architecture.keys() - set(_KEYS):
        raise CardError(
            f"{card.name}: architecture has {', '.join(sorted(unknown))}.",
            allowed=f"{', '.join(_KEYS)}.",
            do="Mend the card's [architecture].",
        )
    return dict(card.architecture)


def _handles(card: BackboneCard) -> list[str]:
    """Returns the handles of the card's module and of its preprocessor."""
    handles = [parse_locator(card.locator).rest]
    if handle := card.architecture.get("preprocessor"):
        handles.append(parse_locator(f"tf-hub:{handle}").rest)
    return handles


def _is_path(handle: str) -> bool:
    return handle.startswith(("/", "./", "../", "~")) or (len(handle) > 1 and handle[1] == ":")


def _cached(handle: str) -> Path:
    """Returns where our own cache keeps a module, whether it is there or not."""
    return paths.cache_dir() / "tf-hub" / hashlib.sha1(handle.encode(), usedforsecurity=False).hexdigest()


def _archive(handle: str) -> Path:
    """Returns where an archive of tfhub.dev is downloaded to."""
    return _cached(handle).with_suffix(".tar.gz")


def _kaggle_folders(handle: str) -> list[Path]:
    """Returns the folders of kagglehub's cache that could hold a module; a broken download has no mark beside it."""
    if (match := _KAGGLE.fullmatch(handle)) is None:
        return []
    cache = Path(os.environ.get("KAGGLEHUB_CACHE") or "~/.cache/kagglehub").expanduser()
    above = cache / "models" / match["owner"] / match["model"]
    folders = [
        above / name / match["variation"] / match["version"] for name in ("tensorFlow2", "TensorFlow2")
    ]
    return [folder for folder in folders if folder.with_name(f"{folder.name}.complete").is_file()]


def _hub_folders(handle: str) -> list[Path]:
    """Returns the folder of tensorflow_hub's cache, which names modules by the SHA-1 of their handle."""
    name = hashlib.sha1(handle.encode(), usedforsecurity=False).hexdigest()
    if chosen := os.environ.get("TFHUB_CACHE_DIR"):
        return [Path(chosen).expanduser() / name]
    shared = Path(tempfile.gettempdir()) / "tfhub_modules"
    # Where anyone may write, only what we wrote ourselves counts.
    return [shared / name] if shared.is_dir() and shared.stat().st_uid == os.getuid() else []


def _download(handle: str, checksums: tuple[Checksum, ...], progress: Progress | None) -> Path:
    """Fetches from Kaggle with its own client into its own cache, or an archive over HTTPS into ours."""
    from tlzoo.sources import download

    if (match := _KAGGLE.fullmatch(handle)) is None:
        pin = _archive_pin(_archive(handle), checksums)
        return download.download(f"{handle}{_COMPRESSED}", _archive(handle), pin, progress)
    download.require_answer(_HUB)
    import kagglehub  # type: ignore[import-untyped]

    short = f"{match['owner']}/{match['model']}/tensorFlow2/{match['variation']}/{match['version']}"
    if progress:
        progress(0, None, short)
    with keras_hub.quiet_stdout():
        try:
            return Path(kagglehub.model_download(short))
        except Exception as error:  # Kaggle's library raises its own, requests' and plain errors
            raise UnreachableError(
                f"{_HUB}: {error}.", do="Check the network and the module's handle."
            ) from error


def _archive_pin(archive: Path, checksums: tuple[Checksum, ...]) -> Checksum:
    from tlzoo.cards import Checksum

    pins = [pin for pin in checksums if pin.file.endswith(_ARCHIVES)]
    return pins[0] if pins else Checksum(file=archive.name)


def _unpacked(archive: Path, target: Path) -> Path:
    """Unpacks an archive, once; several processes may call this at the same time."""
    from filelock import FileLock

    from tlzoo.sources import unpack

    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"):
        if not target.is_dir():
            with paths.new_dir(target) as temporary:
                unpack.unpack_tar(archive, temporary)
                # Some archives hold the module's folder, not its files.
                for program in list(temporary.glob("*/saved_model.pb"))[:1]:
                    for path in list(program.parent.iterdir()):
                        path.rename(temporary / path.name)
    return target

"""`keras-hub:PRESET` or `keras-hub:FOLDER`: KerasHub backbones, from its hub's cache or a local folder."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo.errors import CardError, UnreachableError, WeightsError
from tlzoo.sources import strict
from tlzoo.sources.locator import parse_locator

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard
    from tlzoo.progress import Progress

_HUB = "https://api.kaggle.com"
_FILES = ("config.json", "model.weights.h5")
_WEIGHTS = ("model.weights.h5", "model.weights.json", "model.safetensors", "model.safetensors.index.json")


def is_whole(folder: Path) -> bool:
    """Tells if a folder holds a configuration and weights, in KerasHub's or Hugging Face's form."""
    return (folder / "config.json").is_file() and any((folder / name).is_file() for name in _WEIGHTS)


def find(card: BackboneCard) -> Path | None:
    """Returns the folder of the preset: the one named, or the newest whole one in the hub's cache."""
    rest = parse_locator(card.locator).rest
    if _is_folder(rest):
        folder = Path(rest).expanduser()
        return folder if is_whole(folder) else None
    cache = Path(os.environ.get("KAGGLEHUB_CACHE") or "~/.cache/kagglehub").expanduser()
    folders = [
        path for path in cache.glob(f"models/*/*/keras/{rest}/*") if path.name.isdigit() and is_whole(path)
    ]
    return max(folders, key=lambda path: int(path.name), default=None)


def at_hand(card: BackboneCard) -> bool:
    """Tells if the preset's configuration and weights are on this machine."""
    return find(card) is not None


def fetch(card: BackboneCard, progress: Progress | None = None) -> Path:
    """Returns the preset's folder, downloaded into the hub's own cache if it is not there.

    Args:
        card: A card with a `keras-hub:` locator.
        progress: Told what is being fetched; the hub's library does not say how far it is.

    Raises:
        UnreachableError: The folder is incomplete, or the hub does not answer.
        CardError: KerasHub knows no such preset.
    """
    if (folder := find(card)) is not None:
        return folder
    rest = parse_locator(card.locator).rest
    if _is_folder(rest):
        raise UnreachableError(
            f"folder {rest}, which lacks config.json or weights.", do=f"Put {' and '.join(_FILES)} there."
        )
    from tlzoo.sources.download import require_answer

    require_answer(_HUB)
    import kagglehub  # type: ignore[import-untyped]
    import keras_hub

    presets = keras_hub.models.Backbone.presets
    if rest not in presets:
        raise CardError(f"{card.name}: KerasHub has no preset '{rest}'.", do="Mend the card's locator.")
    with quiet_stdout():
        for name in _FILES:
            if progress:
                progress(0, None, name)
            try:
                path = kagglehub.model_download(
                    presets[rest]["kaggle_handle"].removeprefix("kaggle://"), name
                )
            except Exception as error:  # the hub's library raises its own, requests' and plain errors
                raise UnreachableError(f"{_HUB}: {error}.", do="Check the network.") from error
    return Path(path).parent


def load(card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    """Builds the network; without weights from the card's `architecture`, or from the folder's configuration.

    Raises:
        UnreachableError: The preset is not here and cannot be fetched.
        WeightsError: The weights do not fit completely.
        CardError: The card's `architecture` cannot be built.
    """
    if pretrained:
        return from_folder(card, fetch(card), size, weights=True)
    if card.architecture:
        return from_architecture(card, size)
    return from_folder(card, fetch(card), size, weights=False)


def from_folder(card: BackboneCard, folder: Path, size: tuple[int, int], *, weights: bool) -> keras.Model:
    """Builds what a preset folder describes.

    Args:
        card: The card.
        folder: Holds `config.json` and weights, in KerasHub's or Hugging Face's form.
        size: Height and width in pixels.
        weights: False leaves the weights random.

    Raises:
        WeightsError: The folder does not describe a vision backbone, or its weights do not fit.
    """
    import keras_hub

    _know_false_alarms()
    # A pyramid backbone answers with all its levels unless told which.
    levels = {key: value for key, value in card.architecture.items() if key == "out_features"}
    try:
        with quiet_stdout(), strict.nothing_skipped():
            backbone = keras_hub.models.Backbone.from_preset(
                str(folder), load_weights=weights, image_shape=(*size, 3), **levels
            )
    except (ValueError, TypeError, KeyError, OSError, UserWarning) as error:
        raise WeightsError(
            f"{card.name}: {folder} does not load at {size} pixels: {error}.",
            allowed="a whole KerasHub preset or a Hugging Face folder KerasHub converts.",
            do="Fetch it again, or mend the card.",
        ) from error
    return one_in_one_out(card, backbone)


def from_architecture(card: BackboneCard, size: tuple[int, int]) -> keras.Model:
    """Builds `architecture = {class = "...", ...}` with random weights.

    Args:
        card: Its `class` names a class of `keras_hub.models`; other keys are the class's arguments.
        size: Height and width in pixels.

    Raises:
        CardError: There is no such class, or it does not take these arguments.
    """
    import keras_hub

    _know_false_alarms()
    arguments = {key: value for key, value in card.architecture.items() if key != "class"}
    name = card.architecture.get("class", "")
    build = getattr(keras_hub.models, name, None)
    if build is None:
        raise CardError(
            f"{card.name}: keras_hub.models has no class '{name}'.",
            allowed='architecture = { class = "ViTBackbone", ... }.',
            do="Mend the card's [architecture].",
        )
    try:
        backbone = build(**{**arguments, "image_shape": (*size, 3)})
    except (ValueError, TypeError) as error:
        raise CardError(
            f"{card.name}: {name} cannot be built for {size} pixels: {error}.",
            do="Use another size, or mend the card's [architecture].",
        ) from error
    return one_in_one_out(card, backbone)


def one_in_one_out(card: BackboneCard, backbone: keras.Model) -> keras.Model:
    """Returns the backbone as a plain functional model from one image tensor to one tensor.

    Raises:
        CardError: The backbone has several inputs or outputs.
    """
    import keras

    if len(backbone.inputs) != 1 or len(backbone.outputs) != 1:
        raise CardError(
            f"{card.name}: the backbone has {len(backbone.inputs)} inputs and {len(backbone.outputs)} outputs.",
            allowed="one image in, one tensor out.",
            do="Use another preset.",
        )
    return keras.Model(backbone.inputs[0], backbone.outputs[0], name=card.name)


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Sends what hub libraries print to standard error: standard output belongs to the command's answer."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _know_false_alarms() -> None:
    """Silences a warning that KerasHub's Swin draws at every call: it names its attention windows `mask`."""
    warnings.filterwarnings("ignore", r"(?s).*WindowAttention. was passed an input with a mask", UserWarning)


def _is_folder(rest: str) -> bool:
    return rest.startswith(("/", "./", "../", "~")) or (len(rest) > 1 and rest[1] == ":")

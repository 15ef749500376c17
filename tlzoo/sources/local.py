"""`file:PATH`: a whole `.keras` model, weights for the architecture a card names, or a preset's folder.

Complete or not at all.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import CardError, UnreachableError, UsageError, WeightsError
from tlzoo.sources import keras_hub, strict, verify, word_vectors
from tlzoo.sources.locator import parse_locator

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard
    from tlzoo.progress import Progress

FORMATS = (".keras", ".weights.h5", ".npz", ".safetensors")


def path_of(card: BackboneCard) -> Path:
    """Returns the file or folder a `file:` locator names."""
    return Path(parse_locator(card.locator).rest).expanduser()


def at_hand(card: BackboneCard) -> bool:
    """Tells if the file, or a whole preset's folder, is there."""
    path = path_of(card)
    return path.is_file() or keras_hub.is_whole(path)


def fetch(card: BackboneCard, progress: Progress | None = None) -> Path:
    """Returns the file or folder; there is nothing to download.

    Raises:
        UnreachableError: It is not there.
        ChecksumError: It is not what the card pins.
    """
    path = path_of(card)
    if not at_hand(card):
        missing = "holds no config.json with weights" if path.is_dir() else "does not exist"
        raise UnreachableError(f"{path}, which {missing}.", do="Put it there, or mend the locator.")
    for checksum in card.checksums:
        if checksum.file == path.name:
            verify.check_file(path, checksum)
    return path


def load(card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    """Builds the network of a `file:` card.

    Raises:
        UnreachableError: The file is not there.
        WeightsError: The weights do not fit the architecture completely.
    """
    if card.family == "word_vectors":
        return word_vectors.load(card, pretrained=pretrained, size=size)
    needed = pretrained or not card.architecture
    path = fetch(card) if needed else None
    whole = path is not None and path.name.endswith(".keras")
    if not whole and (card.modality == "text" or (path and path.is_dir())):
        return keras_hub.build(card, path, size, weights=pretrained)
    return load_file(card, path, size, pretrained=pretrained)


def load_file(
    card: BackboneCard, path: Path | None, size: tuple[int, int], *, pretrained: bool = True
) -> keras.Model:
    """Builds a network from a file.

    Args:
        card: Its `architecture` says what weights go into; a `.keras` file brings its own.
        path: One of the known formats; None builds the card's architecture with random weights.
        size: Height and width in pixels.
        pretrained: False makes the weights of a `.keras` model random again.

    Raises:
        UsageError: The format is unknown, or the model takes another size.
        WeightsError: The weights do not fit completely.
    """
    if path is not None and path.name.endswith(".keras"):
        return _whole_model(card, path, size, pretrained=pretrained)
    network = build(card, size)
    if path is not None:
        fill(network, path)
    return network


def fill(network: keras.Model, path: Path) -> None:
    """Fills a network completely from a file of weights.

    Args:
        network: The network to fill.
        path: A `.weights.h5`, `.npz` or `.safetensors` file.

    Raises:
        UsageError: The format is unknown.
        WeightsError: The weights do not fit completely; nothing was loaded.
    """
    if path.name.endswith(".weights.h5"):
        strict.load_h5(network, path)
    elif path.name.endswith((".npz", ".safetensors")):
        strict.assign(network, read_arrays(path), origin=path.name)
    else:
        raise UsageError(
            f"'{path.name}' is no file of weights alone.",
            allowed=f"{', '.join(FORMATS[1:])}; a .keras file brings its own architecture.",
            do="Convert it, or leave [architecture] out of the card of a .keras file.",
        )


def build(card: BackboneCard, size: tuple[int, int]) -> keras.Model:
    """Builds a card's `architecture` with random weights.

    Args:
        card: Its `architecture` is `{class = "..."}`, naming a function of `keras.applications` or a class of
            KerasHub, with its arguments.
        size: Height and width in pixels.

    Raises:
        CardError: The card does not say what to build.
    """
    import keras

    name = card.architecture.get("class")
    if name is None:
        raise CardError(
            f"{card.name}: weights alone do not say what network they belong to.",
            allowed='architecture = { like = "resnet50" } or { class = "ViTBackbone", ... }.',
            do="Add [architecture] to the card.",
        )
    if (application := getattr(keras.applications, name, None)) is None:
        return keras_hub.from_architecture(card, size)
    arguments = {key: value for key, value in card.architecture.items() if key != "class"}
    try:
        return application(include_top=False, weights=None, input_shape=(*size, 3), **arguments)
    except (TypeError, ValueError) as error:
        raise CardError(
            f"{card.name}: {name} cannot be built for {size} pixels: {error}.",
            do="Use another size, or mend the card's [architecture].",
        ) from error


def read_arrays(path: Path) -> Mapping[str, Any]:
    """Reads the arrays of an `.npz` (pickles are refused) or a `.safetensors` file.

    Raises:
        WeightsError: The file is damaged.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file as read

    try:
        if path.name.endswith(".safetensors"):
            arrays: Mapping[str, Any] = read(path)
            return arrays
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, SafetensorError) as error:
        raise WeightsError(
            f"{path} cannot be read: {error}.", allowed="a whole file.", do="Make it again."
        ) from error


def _whole_model(card: BackboneCard, path: Path, size: tuple[int, int], *, pretrained: bool) -> keras.Model:
    import keras

    from tlzoo.sources import hub_layer  # noqa: F401  (a model may hold such layers; Keras finds them by name)

    try:
        with strict.nothing_skipped():
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, UserWarning) as error:
        raise WeightsError(
            f"{card.name}: {path} does not load: {error}.",
            allowed="a .keras file without code in it (Lambda layers are refused).",
            do="Save the headless model again.",
        ) from error
    if card.modality == "text":
        return model if pretrained else _random_twin(model)
    height, width = model.input_shape[1:3]
    if (height, width) not in ((None, None), size):
        raise UsageError(
            f"{card.name}: {path.name} takes {height}x{width} pixels, not {size[0]}x{size[1]}.",
            allowed=f"size ({height}, {width}).",
            do="Use that size; set `input.fixed = true` in the card.",
        )
    return model if pretrained else keras.models.clone_model(model)


def _random_twin(model: keras.Model) -> keras.Model:
    """Returns the model with new weights; layers without any (a vocabulary among them) stay as they are."""
    import keras

    return keras.models.clone_model(
        model,
        clone_function=lambda layer: type(layer).from_config(layer.get_config()) if layer.weights else layer,
    )

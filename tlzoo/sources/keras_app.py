"""`keras-app:NAME`: the networks of `keras.applications`, with weights in Keras's own cache."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo.errors import CardError, WeightsError
from tlzoo.sources import verify
from tlzoo.sources.locator import parse_locator

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard, Checksum
    from tlzoo.sources.download import Progress

_HOST = "https://storage.googleapis.com"
_FOLDERS = {
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "ResNet": "resnet",
    "InceptionV3": "inception_v3",
    "InceptionResNetV2": "inception_resnet_v2",
    "Xception": "xception",
    "MobileNetV3": "mobilenet_v3",
    "MobileNetV2": "mobilenet_v2",
    "MobileNet": "mobilenet",
    "DenseNet": "densenet",
    "NASNet": "nasnet",
    "EfficientNetV2": "efficientnet_v2",
    "ConvNeXt": "convnext",
}
# Keras stores these under another name than the server's.
_REMOTE_NAMES = {
    "nasnet_mobile_no_top.h5": "NASNet-mobile-no-top.h5",
    "nasnet_large_no_top.h5": "NASNet-large-no-top.h5",
}


def models_dir() -> Path:
    """Returns the folder Keras keeps weights in: `$KERAS_HOME/models`, by default `~/.keras/models`."""
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    if home.exists() and not os.access(home, os.W_OK):
        home = Path(tempfile.gettempdir()) / ".keras"  # Keras's own rule for read-only homes
    return home / "models"


def weights_path(card: BackboneCard) -> Path:
    """Returns where the card's headless weights stand in Keras's cache, whether they are there or not."""
    return models_dir() / _pin(card).file


def url(card: BackboneCard) -> str:
    """Returns the address Keras publishes the card's headless weights at."""
    name = parse_locator(card.locator).rest
    file = _REMOTE_NAMES.get(_pin(card).file, _pin(card).file)
    for prefix, folder in _FOLDERS.items():
        if name.startswith(prefix):
            return f"{_HOST}/tensorflow/keras-applications/{folder}/{file}"
    return f"{_HOST}/keras-applications/{file}"


def at_hand(card: BackboneCard) -> bool:
    """Tells if the weights are in Keras's cache."""
    return weights_path(card).is_file()


def fetch(card: BackboneCard, progress: Progress | None = None) -> Path:
    """Returns the weights file, downloaded into Keras's cache if it is not there.

    Args:
        card: A card with a `keras-app:` locator and one checksum, which names the file.
        progress: Told how far the download is.

    Raises:
        UnreachableError: Nothing answers.
        ChecksumError: The file is not what Keras pinned.
    """
    path = weights_path(card)
    if path.is_file():
        verify.check_file(path, _pin(card))
        return path
    from tlzoo.sources.download import download

    return download(url(card), path, _pin(card), progress)


def load(card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    """Builds the headless, unpooled network.

    Args:
        card: A card with a `keras-app:` locator.
        pretrained: False for random weights.
        size: Height and width in pixels.

    Raises:
        CardError: `keras.applications` has no such network.
        UnreachableError: The weights are not here and cannot be fetched.
        WeightsError: The file does not fit the network.
    """
    import keras

    name = parse_locator(card.locator).rest
    build = getattr(keras.applications, name, None)
    if not callable(build):
        raise CardError(
            f"{card.name}: keras.applications has no '{name}'.",
            allowed="its function names, such as ResNet50 or MobileNetV3Small.",
            do="Mend the card's locator.",
        )
    shape = (*size, 3)
    if not pretrained:
        return build(include_top=False, weights=None, input_shape=shape)
    path = fetch(card)
    # By path, so that MobileNet takes the card's weights at every size; EfficientNetB* alone builds a part of
    # its preprocessing only when told "imagenet", and then finds the verified file in the cache.
    weights = "imagenet" if name.startswith("EfficientNetB") else str(path)
    try:
        return build(include_top=False, weights=weights, input_shape=shape)
    except (ValueError, OSError) as error:
        raise WeightsError(
            f"{card.name}: {path} does not fit {name} at {size} pixels: {error}.",
            allowed="the headless weights Keras publishes for it.",
            do="Remove the file and fetch it again.",
        ) from error


def _pin(card: BackboneCard) -> Checksum:
    if not card.checksums:
        raise CardError(
            f"{card.name}: a 'keras-app:' card names its weights file in [[checksums]].",
            allowed="one entry with `file`.",
            do="Mend the card.",
        )
    return card.checksums[0]

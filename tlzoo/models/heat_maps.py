"""Where in an image the evidence for a class lies.

Where features are the mean of the last feature map and a linear head follows, the class activation map is exact: its
mean is the logit, so it says what each place contributed (Zhou, Khosla, Lapedriza, Oliva, Torralba, "Learning Deep
Features for Discriminative Localization", CVPR 2016, arXiv:1512.04150). It needs no gradient, and Grad-CAM on that map
gives the same. Where one token speaks for the whole image, Grad-CAM is taken on the map before the last stage, whose
attention brings the evidence together (Selvaraju et al., ICCV 2017, arXiv:1610.02391).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tlzoo.backbones.backbone import Backbone

Method = Literal["cam", "grad_cam"]

WORDS = {
    "cam": "class activation maps, exact for this network: what each place adds to the winning class",
    "grad_cam": "Grad-CAM on the map before the last stage: where a change would move the winning class most",
}
"""What reports say about the maps, by method."""


@dataclass(frozen=True, eq=False)
class HeatMaps:
    """Gives heat maps of a classifier.

    Attributes:
        method: `cam` or `grad_cam`.
        taps: From pixels (n, h, w, 3) in 0..255 to the map that is looked at, and for `grad_cam` to the last one too.
        kernel: Of the head, float32 (d, c).
        pooling: As in the backbone's card.
    """

    method: Method
    taps: keras.Model
    kernel: np.ndarray
    pooling: str

    def __call__(self, pixels: np.ndarray, classes: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns maps float32 (n, h', w'), 0..1: 1 where most speaks for the class, 0 where nothing does.

        Args:
            pixels: As the backbone eats them, (n, h, w, 3).
            classes: One per image, in 0..c-1.
        """
        eaten = tf.cast(pixels, tf.float32)
        if self.method == "cam":
            maps = _grid(tf.cast(self.taps(eaten, training=False), tf.float32))
            found = tf.einsum("nhwd,nd->nhw", maps, self._directions(classes))
        else:
            found = self._by_gradient(eaten, self._directions(classes))
        return scaled(found.numpy())

    def _directions(self, classes: Sequence[int] | np.ndarray) -> tf.Tensor:
        """Returns what of the features speaks for each class and not for all, (n, d)."""
        # What all logits share, a softmax does not see.
        several = self.kernel.shape[1] > 1
        kernel = self.kernel - self.kernel.mean(axis=1, keepdims=True) if several else self.kernel
        return tf.constant(kernel[:, np.asarray(classes, np.int64)].T, tf.float32)

    def _by_gradient(self, eaten: tf.Tensor, directions: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(eaten)
            inner, last = self.taps(eaten, training=False)
            support = tf.reduce_sum(tf.cast(self._pooled(last), tf.float32) * directions)
        slopes = tf.cast(tape.gradient(support, inner), tf.float32)
        weights = tf.reduce_mean(slopes, axis=list(range(1, len(slopes.shape) - 1)))
        return tf.einsum("nhwd,nd->nhw", _grid(tf.cast(inner, tf.float32)), weights)

    def _pooled(self, last: tf.Tensor) -> tf.Tensor:
        if len(last.shape) == 2:
            return last
        return (
            last[:, 0]
            if self.pooling == "cls"
            else tf.reduce_mean(last, axis=list(range(1, len(last.shape) - 1)))
        )


def heat_maps_of(backbone: Backbone, kernel: Any, *, gradient: bool = False) -> HeatMaps | None:
    """Returns what gives heat maps of a backbone with a linear head; None where it has no map to look at.

    Args:
        backbone: For images, with the weights training left it.
        kernel: Of the head, (d, c).
        gradient: Whether to take Grad-CAM also where the exact map could be had.
    """
    if backbone.encoder is not None or backbone.card.modality != "image":
        return None
    weights, network = np.asarray(kernel, np.float32), backbone.network
    pixels = backbone.model.input
    prepared = backbone.model.get_layer("preprocess")(pixels)
    if not gradient and backbone.card.pooling == "mean" and _is_map(network.output.shape, extra=False):
        return HeatMaps("cam", keras.Model(pixels, network(prepared)), weights, "mean")
    inner = _inner_map(backbone)
    if inner is None:
        return None
    both = keras.Model(network.input, [inner, network.output])
    return HeatMaps("grad_cam", keras.Model(pixels, both(prepared)), weights, backbone.card.pooling)


def _inner_map(backbone: Backbone) -> Any:
    """Returns the symbolic map that the last stage eats; None where no stage before it gives one."""
    for stage in reversed(backbone.stages[:-1]):
        for layer in reversed(stage.layers):
            output = getattr(layer, "output", None)
            if isinstance(output, keras.KerasTensor) and _is_map(output.shape, extra=True):
                return output
    return None


def _is_map(shape: Sequence[int | None], *, extra: bool) -> bool:
    """True for (n, h, w, d), and for (n, t, d) whose tokens are a square, with one extra token before them or not."""
    if len(shape) == 4:
        return shape[1] != 1 or shape[2] != 1
    if len(shape) != 3 or shape[1] is None:
        return False
    return _side(shape[1]) is not None or (extra and _side(shape[1] - 1) is not None)


def _side(tokens: int) -> int | None:
    side = math.isqrt(max(tokens, 0))
    return side if side > 1 and side * side == tokens else None


def _grid(maps: tf.Tensor) -> tf.Tensor:
    """Returns (n, h, w, d) of a map, or of tokens that are a square."""
    if len(maps.shape) == 4:
        return maps
    tokens = int(maps.shape[1])
    side = _side(tokens)
    if side is None:
        maps, side = maps[:, 1:], _side(tokens - 1)
    return tf.reshape(maps, (-1, side, side, maps.shape[-1]))


def scaled(maps: np.ndarray) -> np.ndarray:
    """Returns maps (n, h, w) with what speaks against the class as 0, and the strongest place of each as 1."""
    positive = np.maximum(maps, 0)
    most = positive.max(axis=(1, 2), keepdims=True)
    return np.asarray(positive / np.where(most > 0, most, 1), np.float32)

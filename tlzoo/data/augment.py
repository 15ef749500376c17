"""Random changes to whole batches of training images, as stateless TensorFlow ops: same seed, same bits."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tlzoo.plans import Augment

_GREY = 127.5
_LOG_4_3 = 0.2876821


@tf.autograph.experimental.do_not_convert
def augment(images: tf.Tensor, seed: tf.Tensor, policy: Augment) -> tf.Tensor:
    """Flips, turns, crops, brightens and contrasts every image of a batch in its own way.

    What the policy does not ask for is not in the graph. `mixup` is apart, because it changes labels too.

    Args:
        images: float32 `(b, h, w, 3)` in 0..255; square if the policy asks for quarter turns.
        seed: int32 `(2,)` for the batch, or `(b, 2)` for one per image: then an image's changes do not depend
            on its neighbours.
        policy: What may change, and how much.

    Returns:
        float32 `(b, h, w, 3)` in 0..255.

    Raises:
        ValueError: Quarter turns of images that are not square.

    Example:
        >>> augment(tf.zeros([2, 8, 8, 3]), tf.constant([0, 1]), Augment(flip="both")).shape
        TensorShape([2, 8, 8, 3])
    """
    images = tf.cast(images, tf.float32)
    draw = _Draw(seed, tf.shape(images)[0])
    side, down, turned = _moves(draw, policy)
    if policy.crop < 1:
        images = _crop(images, _mirrored(_boxes(draw, policy.crop), side, down))
    else:
        images = _some(images, side, lambda chosen: tf.reverse(chosen, [2]))
        images = _some(images, down, lambda chosen: tf.reverse(chosen, [1]))
    if turned is not None and images.shape[1] != images.shape[2]:
        raise ValueError(f"quarter turns need square images, not {images.shape[1]} x {images.shape[2]}")
    images = _some(images, turned, lambda chosen: tf.transpose(chosen, [0, 2, 1, 3]))
    if policy.contrast > 0:
        factor = draw.between(1 - policy.contrast, 1 + policy.contrast)[:, None, None, None]
        images = (images - _GREY) * factor + _GREY
    if policy.brightness > 0:
        images += 255 * draw.between(-policy.brightness, policy.brightness)[:, None, None, None]
    if policy.contrast > 0 or policy.brightness > 0:
        images = tf.clip_by_value(images, 0.0, 255.0)
    return images


def mixup(
    images: tf.Tensor, one_hot: tf.Tensor, seed: tf.Tensor, alpha: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Blends every image, and its label, with another one of the batch.

    Args:
        images: float32 `(b, h, w, 3)`.
        one_hot: float32 `(b, c)`.
        seed: int32 `(2,)`.
        alpha: Of the Beta(alpha, alpha) that the share of the first image is drawn from; 0 blends nothing.

    Returns:
        Images and labels of the same shapes.

    Example:
        >>> blended, labels = mixup(tf.zeros([4, 8, 8, 3]), tf.eye(4), tf.constant([0, 1]), 0.2)
        >>> bool(tf.reduce_all(tf.abs(tf.reduce_sum(labels, 1) - 1) < 1e-6))
        True
    """
    if alpha <= 0:
        return images, one_hot
    count = tf.shape(images)[0]
    seeds = tf.random.split(tf.cast(seed, tf.int32), 3)
    first, second = (tf.random.stateless_gamma([count], each, alpha=alpha) for each in (seeds[0], seeds[1]))
    # Two gammas of a small alpha can both underflow to 0; then the image stays as it is.
    share = tf.where(first + second > 0, first / tf.maximum(first + second, 1e-30), 1.0)
    share = tf.maximum(share, 1 - share)
    partner = tf.argsort(tf.random.stateless_uniform([count], seeds[2]))
    wide = share[:, None, None, None]
    mixed = images * wide + tf.gather(images, partner) * (1 - wide)
    return mixed, one_hot * share[:, None] + tf.gather(one_hot, partner) * (1 - share[:, None])


class _Draw:
    """Independent uniform numbers, one per image at a time."""

    def __init__(self, seed: tf.Tensor, count: tf.Tensor) -> None:
        self._seed = tf.cast(seed, tf.int32)
        self._count = count
        self._drawn = 0

    def uniform(self) -> tf.Tensor:
        """Returns float32 `(b,)` in 0..1."""
        self._drawn += 1
        salt = self._drawn * 1_000_003
        if self._seed.shape.rank == 1:
            return tf.random.stateless_uniform([self._count], tf.random.fold_in(self._seed, salt))
        return _hash01(self._seed, salt)

    def between(self, low: float, high: float) -> tf.Tensor:
        """Returns float32 `(b,)` in `low`..`high`."""
        return low + (high - low) * self.uniform()

    def coin(self) -> tf.Tensor:
        """Returns bool `(b,)`."""
        return self.uniform() < 0.5


def _hash01(seeds: tf.Tensor, salt: int) -> tf.Tensor:
    """Returns one uniform number per pair of integers (splitmix64), where TensorFlow takes one seed per op."""
    mixed = tf.bitcast(tf.cast(seeds[:, 0], tf.int64), tf.uint64) * tf.constant(0x9E3779B97F4A7C15, tf.uint64)
    mixed += tf.bitcast(tf.cast(seeds[:, 1], tf.int64), tf.uint64) + tf.constant(salt, tf.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed += tf.constant(0x9E3779B97F4A7C15, tf.uint64)
        shifted = tf.bitwise.right_shift(mixed, tf.constant(shift, tf.uint64))
        mixed = tf.bitwise.bitwise_xor(mixed, shifted) * tf.constant(factor, tf.uint64)
    mixed = tf.bitwise.bitwise_xor(mixed, tf.bitwise.right_shift(mixed, tf.constant(31, tf.uint64)))
    top = tf.bitwise.right_shift(mixed, tf.constant(40, tf.uint64))
    return tf.cast(tf.cast(top, tf.int64), tf.float32) / 2.0**24


def _moves(draw: _Draw, policy: Augment) -> tuple[tf.Tensor | None, tf.Tensor | None, tf.Tensor | None]:
    """Returns which images are mirrored sideways, mirrored downwards and then transposed, bool `(b,)` each.

    Flips and quarter turns together are these three moves, so no image is moved more than three times.
    """
    side = draw.coin() if policy.flip in ("horizontal", "both") else None
    down = draw.coin() if policy.flip == "both" else None
    if not policy.quarter_turns:
        return side, down, None
    turns = tf.cast(draw.uniform() * 4, tf.int32)
    half_or_left, half_or_right = tf.logical_or(turns == 1, turns == 2), turns >= 2
    side = half_or_left if side is None else tf.not_equal(side, half_or_left)
    down = half_or_right if down is None else tf.not_equal(down, half_or_right)
    return side, down, turns % 2 == 1


def _some(images: tf.Tensor, chosen: tf.Tensor | None, change: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Changes the chosen images only: a tenth of the time of changing all and selecting by `tf.where`."""
    if chosen is None:
        return images
    indices = tf.where(chosen)
    return tf.tensor_scatter_nd_update(images, indices, change(tf.gather_nd(images, indices)))


def _boxes(draw: _Draw, smallest: float) -> tf.Tensor:
    """Returns float32 `(b, 4)`: rectangles of `smallest`..1 of the area, 3:4 to 4:3 in shape; edges in 0..1."""
    area = draw.between(smallest, 1.0)
    stretch = tf.exp(0.5 * draw.between(-_LOG_4_3, _LOG_4_3))
    tall = tf.minimum(tf.sqrt(area) * stretch, 1.0)
    wide = tf.minimum(area / tall, 1.0)
    tall = tf.minimum(area / wide, 1.0)
    top, left = draw.uniform() * (1 - tall), draw.uniform() * (1 - wide)
    return tf.stack([top, left, top + tall, left + wide], 1)


def _mirrored(boxes: tf.Tensor, side: tf.Tensor | None, down: tf.Tensor | None) -> tf.Tensor:
    """Swaps edges, which `crop_and_resize` takes for a mirror, at no cost."""
    if side is not None:
        boxes = tf.where(side[:, None], tf.gather(boxes, [0, 3, 2, 1], axis=1), boxes)
    if down is not None:
        boxes = tf.where(down[:, None], tf.gather(boxes, [2, 1, 0, 3], axis=1), boxes)
    return boxes


def _crop(images: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """Resizes a rectangle of every image to the whole; edges in 0..1 become the centres that the op means."""
    size = tf.shape(images)[1:3]
    side = tf.cast(tf.tile(size, [2]), tf.float32)
    inwards = tf.constant([0.5, 0.5, -0.5, -0.5]) * tf.tile(boxes[:, 2:] - boxes[:, :2], [1, 2])
    centres = (boxes * side + inwards - 0.5) / tf.maximum(side - 1, 1)
    # A sample that rounding pushes past the border would be black, so stay a thousandth of a pixel inside.
    centres = tf.clip_by_value(centres, 1e-5, 1 - 1e-5)
    cropped = tf.image.crop_and_resize(images, centres, tf.range(tf.shape(images)[0]), size)
    return tf.ensure_shape(cropped, images.shape)

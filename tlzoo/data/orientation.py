"""EXIF orientation as TensorFlow ops: found by walking the file's own structure, applied by flips.

TensorFlow's decoders ignore the tag, so a phone's portrait would be served lying down. Walking the segments
(rather than searching for the bytes) cannot be misled by a thumbnail's tag or by chance bytes in the pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

_Step = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
_MOST_SEGMENTS = 64
_MOST_TAGS = 256


def uint(contents: tf.Tensor, position: tf.Tensor, width: int, big: bool = True) -> tf.Tensor:
    """Returns the unsigned integer that stands in a byte string.

    Args:
        contents: Scalar string; what lies past its end counts as zeros.
        position: Scalar int32, first byte.
        width: Bytes: 1, 2 or 4.
        big: Whether the first byte counts most.

    Returns:
        Scalar int32; numbers beyond 2**31 - 1 come back as that.
    """
    raw = _bytes(contents, position, width)
    kind = {1: tf.uint8, 2: tf.uint16, 4: tf.int32}[width]
    value = tf.cast(tf.io.decode_raw(raw, kind, little_endian=not big, fixed_length=width)[0], tf.int32)
    return tf.where(value < 0, 2**31 - 1, value)


def _bytes(contents: tf.Tensor, position: tf.Tensor, width: int) -> tf.Tensor:
    return tf.strings.substr(contents, tf.clip_by_value(position, 0, tf.strings.length(contents)), width)


def _walk(contents: tf.Tensor, start: int, step: _Step) -> tf.Tensor:
    """Follows `step(position) -> (next position, TIFF header or -1, whether to go on)` from `start`."""

    def body(position: tf.Tensor, _: tf.Tensor, __: tf.Tensor) -> list[tf.Tensor]:
        following, found, on = step(position)
        inside = tf.logical_and(following > position, following < tf.strings.length(contents) - 8)
        return [following, found, tf.logical_and(tf.logical_and(on, inside), found < 0)]

    state = [tf.constant(start), tf.constant(-1), tf.strings.length(contents) > start + 8]
    walked = tf.while_loop(lambda _, __, on: on, body, state, maximum_iterations=_MOST_SEGMENTS)
    return walked[1]


def tiff_in_jpeg(contents: tf.Tensor) -> tf.Tensor:
    """Returns where the TIFF header of the EXIF block stands, scalar int32; -1 if there is none."""

    def step(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        marker = uint(contents, at + 1, 1)
        exif = tf.logical_and(marker == 0xE1, _bytes(contents, at + 4, 6) == b"Exif\0\0")
        on = tf.logical_and(uint(contents, at, 1) == 0xFF, tf.logical_and(marker != 0xDA, marker != 0xD9))
        following = tf.where(marker == 0xFF, at + 1, at + 2 + uint(contents, at + 2, 2))
        return following, tf.where(exif, at + 10, -1), on

    return _walk(contents, 2, step)


def tiff_in_png(contents: tf.Tensor) -> tf.Tensor:
    """Returns where the TIFF header in front of the pixels stands, scalar int32; -1 if there is none."""

    def step(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        name = _bytes(contents, at + 4, 4)
        following = at + 12 + tf.minimum(uint(contents, at, 4), 2**30)
        return following, tf.where(name == b"eXIf", at + 8, -1), name != b"IDAT"

    return _walk(contents, 8, step)


def tiff_in_webp(contents: tf.Tensor) -> tf.Tensor:
    """Returns where the TIFF header of the EXIF chunk stands, scalar int32; -1 if there is none."""

    def step(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        size = tf.minimum(uint(contents, at + 4, 4, big=False), 2**30)
        # Some writers keep JPEG's prefix in front of the TIFF header.
        prefix = tf.where(_bytes(contents, at + 8, 6) == b"Exif\0\0", 6, 0)
        found = tf.where(_bytes(contents, at, 4) == b"EXIF", at + 8 + prefix, -1)
        return at + 8 + size + size % 2, found, tf.constant(True)

    return _walk(contents, 12, step)


def orientation(contents: tf.Tensor, tiff: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF orientation of the main image, 1 (upright) where none is stated.

    Args:
        contents: Scalar string: the file.
        tiff: Scalar int32: where its TIFF header stands, or -1.

    Returns:
        Scalar int32, 1 to 8.

    Example:
        >>> int(orientation(tf.constant(b"no header"), tf.constant(-1)))
        1
    """
    return tf.cond(tiff < 0, lambda: tf.constant(1), lambda: _tag(contents, tiff))


def _tag(contents: tf.Tensor, tiff: tf.Tensor) -> tf.Tensor:
    big = _bytes(contents, tiff, 2) == b"MM"

    def number(position: tf.Tensor, width: int) -> tf.Tensor:
        return tf.where(big, uint(contents, position, width), uint(contents, position, width, big=False))

    directory = tiff + tf.minimum(number(tiff + 4, 4), 2**24)
    room = tf.maximum(tf.strings.length(contents) - directory - 2, 0) // 12
    count = tf.minimum(tf.minimum(number(directory, 2), _MOST_TAGS), room)
    start = tf.minimum(directory + 2, tf.strings.length(contents))
    raw = tf.io.decode_raw(tf.strings.substr(contents, start, count * 12), tf.uint8)
    entries = tf.cast(tf.reshape(raw, [-1, 12]), tf.int32)
    high, low = tf.where(big, 256, 1), tf.where(big, 1, 256)
    tags, values = entries[:, 0] * high + entries[:, 1] * low, entries[:, 8] * high + entries[:, 9] * low
    stated = tf.concat([tf.boolean_mask(values, tags == 0x0112), [1]], axis=0)[0]
    return tf.where(tf.logical_and(stated >= 1, stated <= 8), stated, 1)


def upright(image: tf.Tensor, stated: tf.Tensor) -> tf.Tensor:
    """Turns an image the way its EXIF orientation asks.

    Args:
        image: `(h, w, c)`.
        stated: Scalar int32, 1 to 8.

    Returns:
        `(h, w, c)`, or `(w, h, c)` for the quarter turns (5 to 8).
    """

    def turned() -> tf.Tensor:
        swapped = tf.cond(stated >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        sideways = tf.reduce_any(stated == tf.constant([2, 3, 6, 7]))
        downwards = tf.reduce_any(stated == tf.constant([3, 4, 7, 8]))
        swapped = tf.cond(sideways, lambda: tf.reverse(swapped, [1]), lambda: swapped)
        return tf.cond(downwards, lambda: tf.reverse(swapped, [0]), lambda: swapped)

    return tf.cond(stated == 1, lambda: image, turned)

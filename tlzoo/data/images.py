"""Encoded bytes to RGB pixels, as TensorFlow ops: the same graph trains, predicts and serves.

`decode`, `resize` and `decode_batch` may stand inside an exported graph. `read_image` is their Python front:
it adds the formats TensorFlow does not know (through Pillow), arrays, and errors that name the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import tensorflow as tf
from PIL import Image

from tlzoo.data import convert
from tlzoo.data.convert import MAX_PIXELS, Pixels, encode_png, from_pillow, open_pillow
from tlzoo.data.orientation import orientation, tiff_in_jpeg, tiff_in_png, tiff_in_webp, uint, upright

__all__ = ["DECODER_VERSION", "Policy", "decode", "decode_batch", "encode_png", "read_image", "resize"]

Policy = Literal["stretch", "crop", "pad"]

DECODER_VERSION = "1"
"""Part of every cache key: raise it whenever `decode` or `resize` gives other bits."""

_GRAPH_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "MPO")


@tf.autograph.experimental.do_not_convert  # there is nothing to convert, and looking for it takes seconds
def decode(contents: tf.Tensor) -> tf.Tensor:
    """Decodes one encoded image to upright RGB.

    JPEG (grey, CMYK), PNG (grey, palette, 16-bit by its high byte, alpha over white), WebP (alpha over white),
    GIF (first frame) and BMP. EXIF orientation of JPEG, PNG and WebP is applied.

    Args:
        contents: Scalar string: the file.

    Returns:
        uint8 `(h, w, 3)`.

    Raises:
        tf.errors.InvalidArgumentError: No image of these formats, a broken one, or one of more than
            `MAX_PIXELS` pixels.

    Example:
        >>> decode(tf.io.read_file("cat.jpg")).shape  # doctest: +SKIP
        TensorShape([480, 640, 3])
    """
    contents = tf.convert_to_tensor(contents)
    head = tf.strings.join([tf.strings.substr(contents, 0, 16), tf.constant(b"\0" * 16)])

    def starts(magic: bytes, at: int = 0) -> tf.Tensor:
        return tf.strings.substr(head, at, len(magic)) == magic

    branches = [
        (starts(b"\xff\xd8\xff"), lambda: _jpeg(contents)),
        (starts(b"\x89PNG\r\n\x1a\n"), lambda: _png(contents)),
        (starts(b"GIF8"), lambda: _gif(contents)),
        (starts(b"BM"), lambda: _bmp(contents)),
        (starts(b"WEBP", 8), lambda: _webp(contents)),
    ]
    image, tiff = tf.case(branches, default=_unknown)
    image = tf.cond(tf.shape(image)[2] == 4, lambda: _over_white(image), lambda: image)
    return tf.ensure_shape(upright(image, orientation(contents, tiff)), [None, None, 3])


@tf.autograph.experimental.do_not_convert
def resize(image: tf.Tensor, size: tuple[int, int], policy: Policy = "stretch") -> tf.Tensor:
    """Resizes one image, bilinear with antialiasing, and rounds.

    Args:
        image: uint8 `(h, w, 3)`.
        size: Height and width of the result.
        policy: `stretch` to the size; `crop` the centre to its aspect first; or shrink or grow to fit and
            `pad` with black.

    Returns:
        uint8 `(size[0], size[1], 3)`.

    Example:
        >>> resize(tf.zeros([10, 20, 3], tf.uint8), (4, 4)).shape
        TensorShape([4, 4, 3])
    """
    if policy == "pad":
        return _padded(image, size)
    cut = _centre(image, size) if policy == "crop" else image
    return tf.ensure_shape(_scaled(cut, tf.constant(size)), [*size, 3])


@tf.autograph.experimental.do_not_convert
def decode_batch(contents: tf.Tensor, size: tuple[int, int], policy: Policy = "stretch") -> tf.Tensor:
    """Decodes and resizes encoded images; meant for exported signatures.

    Args:
        contents: String `(n,)`; `n` may be 0.
        size: Height and width of the result.
        policy: As for `resize`.

    Returns:
        uint8 `(n, size[0], size[1], 3)`.
    """
    spec = tf.TensorSpec([*size, 3], tf.uint8)
    return tf.map_fn(lambda one: resize(decode(one), size, policy), contents, fn_output_signature=spec)


_SCALAR = [tf.TensorSpec([], tf.string)]
_decode = tf.function(decode, input_signature=_SCALAR, autograph=False)


def read_image(item: Path | str | bytes | Pixels | Image.Image | Any) -> Pixels:
    """Reads one image, whatever it comes as.

    Args:
        item: A path, an encoded file as bytes, an array (see `convert.from_array`), or a Pillow image.

    Returns:
        uint8 `(h, w, 3)`, RGB, upright.

    Raises:
        DataError: It is no image, is broken, or is too large; the message names the file.

    Example:
        >>> read_image(np.zeros((2, 3), np.uint8)).shape
        (2, 3, 3)
    """
    return convert.read_image(item, _read)


def _read(content: bytes) -> Pixels:
    with open_pillow(content) as image:
        if image.format in _GRAPH_FORMATS:
            try:
                return _decode(content).numpy()
            except tf.errors.OpError:
                pass  # Pillow knows more variants, and says better what is wrong.
        return from_pillow(image)


def _bounded(height: tf.Tensor, width: tf.Tensor) -> tf.Operation:
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    message = f"the image has more than {MAX_PIXELS} pixels"
    return tf.debugging.assert_less_equal(pixels, tf.constant(MAX_PIXELS, tf.int64), message)


_Found = tuple[tf.Tensor, tf.Tensor]  # uint8 (h, w, 3 or 4), and where its EXIF's TIFF header stands, or -1


def _jpeg(contents: tf.Tensor) -> _Found:
    shape = tf.io.extract_jpeg_shape(contents)
    with tf.control_dependencies([_bounded(shape[0], shape[1])]):
        # The default transform is a fast one that differs from every other reader's by up to 16 levels.
        image = tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE")
    return image, tiff_in_jpeg(contents)


def _png(contents: tf.Tensor) -> _Found:
    with tf.control_dependencies([_bounded(uint(contents, 20, 4), uint(contents, 16, 4))]):
        colours = uint(contents, 25, 1)
    # Asking for alpha where there is none gives garbage for palettes, so look for it first.
    keyed = tf.strings.regex_full_match(tf.strings.substr(contents, 0, 65536), rb"\C*tRNS\C*")
    alpha = tf.logical_or(colours >= 4, keyed)
    image = tf.cond(
        alpha,
        lambda: tf.io.decode_png(contents, channels=4),
        lambda: tf.io.decode_png(contents, channels=3),
    )
    return image, tiff_in_png(contents)


def _gif(contents: tf.Tensor) -> _Found:
    with tf.control_dependencies(
        [_bounded(uint(contents, 8, 2, big=False), uint(contents, 6, 2, big=False))]
    ):
        return tf.io.decode_image(contents, channels=3, expand_animations=False), tf.constant(-1)


def _bmp(contents: tf.Tensor) -> _Found:
    """BMP's alpha is padding more often than alpha, so it is dropped; indices go through the palette."""
    compression = uint(contents, 30, 4, big=False)
    depth = uint(contents, 28, 2, big=False)
    plain = tf.debugging.assert_equal(
        tf.logical_or(compression == 0, compression == 3), True, "a compressed BMP"
    )
    with tf.control_dependencies([plain]):
        image = tf.io.decode_bmp(contents)
    image = tf.cond(depth == 8, lambda: _through_palette(contents, image[:, :, 0]), lambda: image[:, :, :3])
    return image, tf.constant(-1)


def _through_palette(contents: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    start = 14 + tf.clip_by_value(uint(contents, 14, 4, big=False), 0, 1024)
    start = tf.minimum(start, tf.strings.length(contents))
    raw = tf.strings.join([tf.strings.substr(contents, start, 1024), tf.constant(b"\0" * 1024)])
    palette = tf.reshape(tf.io.decode_raw(raw, tf.uint8)[:1024], [256, 4])
    return tf.gather(tf.reverse(palette[:, :3], [1]), tf.cast(indices, tf.int32))


def _webp(contents: tf.Tensor) -> _Found:
    extended = tf.strings.substr(contents, 12, 4) == b"VP8X"
    moving = tf.logical_and(extended, tf.bitwise.bitwise_and(uint(contents, 20, 1), 2) > 0)
    # TensorFlow 2.21 writes past its buffer for animations without alpha unless 4 channels are asked for;
    # then it refuses them, which is the safe answer.
    image = tf.cond(
        moving,
        lambda: tf.io.decode_image(contents, channels=4, expand_animations=False),
        lambda: tf.io.decode_image(contents, channels=0, expand_animations=False),
    )
    return image, tiff_in_webp(contents)


def _unknown() -> _Found:
    refusal = tf.debugging.Assert(tf.constant(False), ["no JPEG, PNG, GIF, BMP or WebP image"])
    with tf.control_dependencies([refusal]):
        return tf.zeros([1, 1, 3], tf.uint8), tf.constant(-1)


def _over_white(rgba: tf.Tensor) -> tf.Tensor:
    values = tf.cast(rgba, tf.int32)
    alpha = values[:, :, 3:]
    return tf.cast((values[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _scaled(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    smooth = tf.image.resize(image, size, method="bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(smooth), 0.0, 255.0), tf.uint8)


def _centre(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    cut_h = tf.clip_by_value((width * size[0] + size[1] // 2) // size[1], 1, height)
    cut_w = tf.clip_by_value((height * size[1] + size[0] // 2) // size[0], 1, width)
    top, left = (height - cut_h) // 2, (width - cut_w) // 2
    return image[top : top + cut_h, left : left + cut_w]


def _padded(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    fit_h = tf.clip_by_value((height * size[1] + width // 2) // width, 1, size[0])
    fit_w = tf.clip_by_value((width * size[0] + height // 2) // height, 1, size[1])
    small = _scaled(image, tf.stack([fit_h, fit_w]))
    top, left = (size[0] - fit_h) // 2, (size[1] - fit_w) // 2
    padding = [[top, size[0] - fit_h - top], [left, size[1] - fit_w - left], [0, 0]]
    return tf.ensure_shape(tf.pad(small, padding), [*size, 3])

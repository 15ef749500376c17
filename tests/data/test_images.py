from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from pictures import encoded, gradient, noise
from PIL import Image, ImageOps

from tlzoo.data import convert
from tlzoo.data.images import decode, decode_batch, encode_png, read_image, resize
from tlzoo.errors import DataError

graph_decode = tf.function(decode, input_signature=[tf.TensorSpec([], tf.string)])
RGB = Image.fromarray(gradient())
SEE_THROUGH = RGB.copy()
SEE_THROUGH.putalpha(Image.fromarray(np.tile(np.arange(0, 256, 8, dtype=np.uint8), (24, 1))))
PALETTE = RGB.quantize(16)
SIXTEEN = Image.fromarray((np.arange(24 * 32, dtype=np.uint16) * 80).reshape(24, 32))


def pillow(content: bytes) -> np.ndarray:
    """What Pillow makes of it, upright, over white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))


def with_orientation(kind: str, orientation: int, big: bool = True) -> bytes:
    exif = Image.Exif()
    exif.endian = ">" if big else "<"
    exif[0x010F] = "maker"
    exif[0x0112] = orientation
    return encoded(RGB, kind, exif=exif)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("big", [True, False])
def test_exif_orientation_is_applied_inside_the_graph(kind: str, orientation: int, big: bool) -> None:
    content = with_orientation(kind, orientation, big)
    np.testing.assert_array_equal(graph_decode(content).numpy(), pillow(content))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_senseless_orientations_are_upright(orientation: int) -> None:
    np.testing.assert_array_equal(decode(with_orientation("PNG", orientation)).numpy(), np.asarray(RGB))


def test_orientation_after_other_segments_and_not_in_a_thumbnail() -> None:
    plain = encoded(RGB, "JPEG")
    decoy = (
        b"\xff\xe2"
        + struct.pack(">H", 40)
        + b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    )
    decoy += b"\0" * (42 - len(decoy))
    assert decode(plain[:2] + decoy + plain[2:]).shape == (24, 32, 3)
    turned = with_orientation("JPEG", 6)
    assert decode(turned[:2] + decoy + turned[2:]).shape == (32, 24, 3)


@pytest.mark.parametrize("cut", range(12, 46, 2))
def test_mangled_exif_never_stops_an_image(cut: int) -> None:
    """An EXIF block that ends anywhere, or points anywhere, leaves the image upright or turned, never lost."""
    tiff = b"II*\0" + struct.pack("<IHHHII", 8, 9, 0x0112, 3, 1, 6) + b"\0\0\0\xff"
    block = (b"Exif\0\0" + tiff)[:cut]
    content = encoded(RGB, "JPEG")
    content = content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + content[2:]
    assert sorted(graph_decode(content).shape) == [3, 24, 32]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("grey jpeg", encoded(RGB.convert("L"), "JPEG")),
        ("progressive jpeg", encoded(RGB, "JPEG", progressive=True, subsampling=2)),
        ("cmyk jpeg", encoded(RGB.convert("CMYK"), "JPEG", quality=95)),
        ("palette png", encoded(PALETTE, "PNG")),
        (
            "palette png with a transparent colour",
            encoded(PALETTE, "PNG", transparency=PALETTE.getpixel((0, 0))),
        ),
        ("rgb png with a transparent colour", encoded(RGB, "PNG", transparency=RGB.getpixel((3, 3)))),
        ("1-bit png", encoded(RGB.convert("1"), "PNG")),
        ("rgba png", encoded(SEE_THROUGH, "PNG")),
        ("grey-alpha png", encoded(SEE_THROUGH.convert("LA"), "PNG")),
        ("lossy webp", encoded(RGB, "WEBP", quality=60)),
        ("rgba webp", encoded(SEE_THROUGH, "WEBP", lossless=True, exact=True)),
        ("bmp", encoded(RGB, "BMP")),
        ("grey bmp", encoded(RGB.convert("L"), "BMP")),
        ("palette bmp", encoded(PALETTE, "BMP")),
        ("gif", encoded(PALETTE, "GIF")),
        ("animated gif", encoded(PALETTE, "GIF", save_all=True, append_images=[PALETTE.rotate(180)])),
        ("animated png", encoded(RGB, "PNG", save_all=True, append_images=[RGB.rotate(180)])),
        (
            "animated rgba webp",
            encoded(
                SEE_THROUGH, "WEBP", lossless=True, save_all=True, append_images=[SEE_THROUGH.rotate(180)]
            ),
        ),
    ],
)
def test_formats_of_the_graph_equal_pillow(name: str, content: bytes) -> None:
    expected = pillow(content).astype(int)
    found = graph_decode(content).numpy()
    assert found.dtype == np.uint8
    # Blending over white may round differently by one level.
    assert np.abs(found.astype(int) - expected).max() <= (
        ("a" in name and "alpha" in name) or "rgba" in name
    ), name
    np.testing.assert_array_equal(found, decode(tf.constant(content)).numpy(), err_msg="graph against eager")
    np.testing.assert_array_equal(found, read_image(content), err_msg="graph against read_image")


def test_sixteen_bits_keep_their_high_byte(tmp_path: Path) -> None:
    expected = np.repeat((np.asarray(SIXTEEN) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode(encoded(SIXTEEN, "PNG")).numpy(), expected)
    SIXTEEN.save(tmp_path / "deep.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "deep.tif"), expected)


@pytest.mark.parametrize(
    "content",
    [
        encoded(RGB, "TIFF"),
        encoded(RGB, "TIFF", compression="tiff_lzw"),
        encoded(RGB.convert("CMYK"), "TIFF"),
        encoded(SEE_THROUGH, "TIFF"),
        encoded(RGB.convert("1"), "BMP"),
        encoded(RGB, "WEBP", lossless=True, save_all=True, append_images=[RGB.rotate(180)]),
        encoded(RGB, "PPM"),
    ],
)
def test_formats_beyond_the_graph_go_through_pillow(content: bytes) -> None:
    assert np.abs(read_image(content).astype(int) - pillow(content)).max() <= 1
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph_decode(content)


def test_float_tiff_is_scaled_sensibly(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    Image.fromarray(ramp).save(tmp_path / "unit.tif")
    Image.fromarray(ramp * 5000 - 100).save(tmp_path / "metres.tif")
    expected = np.rint(ramp * 255)
    np.testing.assert_array_equal(read_image(tmp_path / "unit.tif")[..., 0], expected)
    np.testing.assert_array_equal(read_image(tmp_path / "metres.tif")[..., 0], expected)
    Image.fromarray(ramp * np.nan).save(tmp_path / "nan.tif")
    with pytest.raises(DataError, match=r"'.*nan\.tif' cannot be read: pixels that are not finite"):
        read_image(tmp_path / "nan.tif")


JPEG, PNG = encoded(RGB, "JPEG"), encoded(RGB, "PNG")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\xff\xd8\xff", "."),
        (b"This is a letter, not a photograph. " * 9, "not an image"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (PNG[: len(PNG) // 2], "truncated"),
        (PNG[:60] + bytes(20) + PNG[80:], "."),
        (encoded(RGB, "WEBP")[:60], "."),
        (encoded(RGB, "BMP")[:200], "truncated"),
        (encoded(PALETTE, "GIF")[:200], "truncated"),
        (encoded(RGB, "TIFF")[:300], "."),
    ],
)
def test_broken_files_are_named_with_a_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"(?i)holiday.jpg' cannot be read: .*{reason}") as caught:
        read_image(path)
    assert "0x" not in str(caught.value)
    assert caught.value.allowed
    assert caught.value.do
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph_decode(content)


def test_missing_files_are_named() -> None:
    with pytest.raises(DataError, match=r"'/nowhere/x\.png' cannot be read: No such file"):
        read_image("/nowhere/x.png")


def test_decompression_bombs_are_refused_before_they_unfold(monkeypatch: pytest.MonkeyPatch) -> None:
    header = struct.pack(">II", 40_000, 40_000)
    bomb = PNG[:16] + header + PNG[24:29]
    bomb += struct.pack(">I", zlib.crc32(bomb[12:29])) + PNG[33:]
    with pytest.raises(DataError, match=r"decompression bomb"):
        read_image(bomb)
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 178956970 pixels"):
        graph_decode(bomb)
    monkeypatch.setattr(convert, "MAX_PIXELS", 100)
    with pytest.raises(DataError, match="the image has 32 x 24 pixels") as caught:
        read_image(PNG)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0, 200]], np.uint8), [0, 200]),
        (np.array([[[0], [200]]], np.uint8), [0, 200]),
        (np.array([[0.0, 1.0]]), [0, 255]),
        (np.array([[0.0, 200.4]], np.float32), [0, 200]),
        (np.array([[0, 51200]], np.uint16), [0, 200]),
        (np.array([[False, True]]), [0, 255]),
        (np.array([[0, 200]], np.int64), [0, 200]),
        (np.array([[[0, 0, 0, 255], [0, 0, 0, 0]]], np.uint8), [0, 255]),
    ],
)
def test_arrays_of_many_kinds(array: np.ndarray, expected: list[int]) -> None:
    found = read_image(array)
    assert found.dtype == np.uint8
    assert found.shape == (1, 2, 3)
    np.testing.assert_array_equal(found[0], np.repeat(np.array(expected)[:, None], 3, axis=1))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2, 5)), r"shape \(2, 2, 5\) is no image"),
        (np.zeros(7), r"shape \(7,\)"),
        (np.zeros((0, 4, 3)), "no image"),
        (np.array([[-1.0, 1.0]]), "between -1 and 1"),
        (np.array([[0.0, 300.0]]), "between 0 and 300"),
        (np.array([[np.nan]]), "between nan"),
        (np.array([["a"]]), "pixels of type"),
    ],
)
def test_what_is_no_image_is_refused(array: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read_image(array)
    assert "uint8" in caught.value.allowed


def test_pillow_images_and_paths_and_bytes_agree(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    for item in (tmp_path / "a.png", str(tmp_path / "a.png"), PNG, RGB, np.asarray(RGB)):
        np.testing.assert_array_equal(read_image(item), np.asarray(RGB))


def test_encode_png_round_trip() -> None:
    image = noise(5, 7, 0)
    np.testing.assert_array_equal(read_image(encode_png(image)), image)


@pytest.mark.parametrize("policy", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("shape", [(40, 20), (20, 40), (8, 8), (1, 300), (16, 24)])
def test_resize_gives_the_size(policy: str, shape: tuple[int, int]) -> None:
    found = resize(tf.constant(noise(*shape, 0)), (16, 24), policy)
    assert found.shape == (16, 24, 3)
    assert found.dtype == tf.uint8


def test_resize_policies_differ_as_they_say() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    cropped = resize(wide, (10, 10), "crop").numpy()
    assert cropped.min() == 255
    padded = resize(wide, (30, 30), "pad").numpy()
    assert padded[:10].max() == 0
    assert padded[20:].max() == 0
    np.testing.assert_array_equal(padded[10:20], wide)
    same = noise(16, 16, 1)
    for policy in ("stretch", "crop", "pad"):
        np.testing.assert_array_equal(resize(same, (16, 16), policy), same)


def test_resize_does_not_alias() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    found = resize(stripes, (8, 8)).numpy().astype(int)
    assert np.abs(found - 127).max() < 20


def test_decode_batch_equals_one_by_one_and_survives_saving(tmp_path: Path) -> None:
    contents = [PNG, JPEG, with_orientation("JPEG", 6), encoded(SEE_THROUGH, "WEBP"), encoded(PALETTE, "GIF")]
    module = tf.Module()
    spec = tf.TensorSpec([None], tf.string)
    module.serve = tf.function(lambda images: decode_batch(images, (12, 10), "pad"), input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    found = loaded.serve(tf.constant(contents)).numpy()
    for content, image in zip(contents, found, strict=True):
        np.testing.assert_array_equal(image, resize(read_image(content), (12, 10), "pad"))
    assert loaded.serve(tf.constant([], tf.string)).shape == (0, 12, 10, 3)

"""Medical files of all kinds: values in their own units, windows, frames, and what cannot be read."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from apps.medical.plane import Plane, Window
from apps.medical.study import consumed, open_study
from tlzoo.errors import DataError

pydicom = pytest.importorskip("pydicom")


def shipped(name):
    """Returns a real file that pydicom ships inside its package."""
    from pydicom.data import get_testdata_file

    with open(get_testdata_file(name, download=False), "rb") as file:
        return file.read()


def opened(name):
    return open_study(shipped(name), ".dcm")


def changed(name, **tags):
    """Returns a real file with other tags."""
    data = pydicom.dcmread(BytesIO(shipped(name)))
    for tag, value in tags.items():
        setattr(data, tag, value)
    file = BytesIO()
    data.save_as(file)
    return file.getvalue()


def encoded(picture, format, **options):
    file = BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def test_a_ct_slice_is_in_hounsfield_units():
    raw = pydicom.dcmread(BytesIO(shipped("CT_small.dcm")))
    plane = opened("CT_small.dcm").plane(0)
    assert raw.RescaleIntercept == -1024
    np.testing.assert_array_equal(plane.values, raw.pixel_array.astype(np.float32) - 1024)
    assert not plane.inverted


def test_a_window_that_the_file_names_is_taken_as_the_standard_says():
    plane = opened("MR_small.dcm").plane(0)
    assert plane.window == Window(600, 1600)
    x = plane.values.astype(np.float64)
    wanted = np.clip((x - 599.5) / 1599 + 0.5, 0, 1) * 255
    np.testing.assert_array_equal(plane.shown()[..., 0], np.rint(wanted))


def test_pydicoms_own_windowing_agrees():
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    raw = pydicom.dcmread(BytesIO(shipped("693_J2KI.dcm")))
    values = apply_voi_lut(apply_modality_lut(raw.pixel_array, raw), raw)
    wanted = (values - values.min()) / (values.max() - values.min()) * 255
    shown = opened("693_J2KI.dcm").plane(0).shown()[..., 0]
    assert np.abs(shown - wanted).max() <= 1


def test_monochrome1_is_shown_inverted():
    data = changed("MR_small.dcm", PhotometricInterpretation="MONOCHROME1")
    plane, plain = open_study(data).plane(0), opened("MR_small.dcm").plane(0)
    assert plane.inverted
    np.testing.assert_array_equal(plane.shown(), 255 - plain.shown())
    np.testing.assert_array_equal(plane.shown(inverted=False), plain.shown())


def test_slope_and_intercept_are_applied():
    plane = open_study(changed("MR_small.dcm", RescaleSlope="0.5", RescaleIntercept="-7")).plane(0)
    np.testing.assert_allclose(plane.values, opened("MR_small.dcm").plane(0).values * 0.5 - 7)


def test_what_is_said_of_each_frame_goes_before_what_is_said_of_the_file():
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    def group(**tags):
        inside, outside = Dataset(), Dataset()
        for tag, value in tags.items():
            setattr(inside, tag, value)
        name = "FrameVOILUTSequence" if "WindowCenter" in tags else "PixelValueTransformationSequence"
        setattr(outside, name, Sequence([inside]))
        return outside

    data = changed(
        "MR_small.dcm",
        PerFrameFunctionalGroupsSequence=Sequence([group(WindowCenter=50, WindowWidth=20)]),
        SharedFunctionalGroupsSequence=Sequence(
            [group(RescaleSlope=2, RescaleIntercept=1, RescaleType="US")]
        ),
    )
    plane = open_study(data).plane(0)
    assert plane.window == Window(50, 20)
    np.testing.assert_allclose(plane.values, opened("MR_small.dcm").plane(0).values * 2 + 1)


def test_frames_are_read_one_by_one():
    study = opened("SC_rgb_rle_2frame.dcm")
    frames = pydicom.dcmread(BytesIO(shipped("SC_rgb_rle_2frame.dcm"))).pixel_array
    assert study.frames == 2
    assert "2 frames" in study.kind
    for number in (0, 1):
        np.testing.assert_array_equal(study.plane(number).shown(), frames[number])


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm"],
)
def test_packed_otherwise_it_is_the_same_picture(name):
    np.testing.assert_array_equal(opened(name).plane(0).values, opened("MR_small.dcm").plane(0).values)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("examples_palette.dcm", (350, 800)),
        ("SC_rgb_rle_16bit.dcm", (100, 100)),
        ("examples_ybr_color.dcm", (240, 320)),
    ],
)
def test_colours_become_eight_bits(name, size):
    plane = opened(name).plane(0)
    assert plane.colour
    assert plane.shown().dtype == np.uint8
    assert plane.shown().shape == (*size, 3)


def test_names_of_patients_are_not_told():
    study = opened("CT_small.dcm")
    named = pydicom.dcmread(BytesIO(shipped("CT_small.dcm"))).PatientName
    assert study.kind == "DICOM CT, 128 × 128 pixels, 16 bits"
    assert str(named) not in study.kind


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "MR_small_jpeg_ls_lossless.dcm",
            "compressed as JPEG-LS Lossless Image Compression, which cannot be dec",
        ),
        ("SC_rgb_jpeg_gdcm.dcm", "compressed as JPEG Lossless"),
        ("MR_truncated.dcm", "cannot be decoded"),
        ("rtstruct.dcm", "holds no pictures"),
        ("UN_sequence.dcm", "holds no pictures"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_files_that_cannot_be_shown_say_why(name, message):
    with pytest.raises(DataError, match=message):
        opened(name).plane(0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_no_shipped_file_ends_in_anything_but_a_picture_or_a_sentence():
    from pydicom.data import get_testdata_files

    shown = refused = 0
    for name in get_testdata_files("*.dcm"):
        with open(name, "rb") as file:
            data = file.read()
        try:
            study = open_study(data, ".dcm")
            pixels = study.plane(study.frames - 1).shown()
            assert pixels.dtype == np.uint8
            assert pixels.shape[2] == 3
            shown += 1
        except DataError:
            refused += 1
    assert shown >= 45
    assert refused < 35


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_tiff_keeps_its_values(dtype):
    values = (np.arange(64 * 64).reshape(64, 64) * 13 + 500).astype(dtype)
    plane = open_study(encoded(Image.fromarray(values), "TIFF")).plane(0)
    np.testing.assert_array_equal(plane.values, values)
    assert plane.window.width < 64 * 64 * 13
    assert plane.shown().min() == 0
    assert plane.shown().max() == 255


def test_sixteen_bits_of_png_are_kept():
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16
    assert open_study(encoded(Image.fromarray(values), "PNG")).plane(0).values.max() == 4095 * 16


def test_pages_of_tiff_are_frames():
    pages = [Image.new("L", (8, 8), value) for value in (10, 20, 30)]
    study = open_study(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert study.frames == 3
    assert [study.plane(number).values.max() for number in (2, 0, 1)] == [30, 10, 20]


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA"])
def test_eight_bits_are_shown_as_they_are(mode):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = Image.fromarray(grey).convert(mode)
    np.testing.assert_array_equal(
        open_study(encoded(picture, "PNG")).plane(0).shown(), np.asarray(picture.convert("RGB"))
    )


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"no picture at all", b"\x00" * 128 + b"DICM"])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(DataError):
        open_study(data).plane(0)


def test_a_damaged_picture_is_refused():
    whole = encoded(Image.effect_noise((64, 64), 50), "PNG")
    with pytest.raises(DataError, match="damaged"):
        open_study(whole[: len(whole) // 2]).plane(0)


def test_an_even_picture_has_a_window():
    plane = open_study(encoded(Image.fromarray(np.full((8, 8), 700, np.uint16)), "TIFF")).plane(0)
    low, high = plane.bounds()
    assert low < high
    assert len(np.unique(plane.shown())) == 1


def test_narrow_windows_of_fractions_are_exact():
    plane = Plane(np.array([[0.0, 0.25, 0.5, 1.0]], np.float32), Window(0.5, 1.0))
    assert plane.shown()[0, :, 0].tolist() == [0, 64, 128, 255]


def test_an_upload_is_gone_once_it_is_read(tmp_path):
    (tmp_path / "hash").mkdir()
    file = tmp_path / "hash" / "a.dcm"
    file.write_bytes(b"x")
    assert consumed(file) == b"x"
    assert list(tmp_path.iterdir()) == []

"""The page for medical pictures, in a real browser: what is shown is what is asked about, and nothing stays."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import tlzoo
from apps.medical.study import open_study
from tests.app_pages import DESK, PHONE, free_port, served
from tests.apps.test_medical_files import changed, shipped

pytest.importorskip("playwright")
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(cells):
    with served("medical", bundle=cells.bundle) as found:
        yield found


@pytest.fixture(scope="module")
def address(place):
    return place[0]


@pytest.fixture
def scan(tmp_path):
    """Writes a file: `scan("CT_small.dcm")`, or `scan("a.dcm", content)`."""

    def write(name, content=None):
        (tmp_path / name).write_bytes(shipped(name) if content is None else content)
        return tmp_path / name

    return write


def upload(page, path):
    page.locator("#tl-upload input[type=file]").set_input_files(path)


def told(page, words):
    expect(page.locator("#tl-shown")).to_contain_text(words)


def picture(page, selector="#tl-shown img"):
    import base64
    from io import BytesIO

    data = page.locator(selector).get_attribute("src").removeprefix("data:image/png;base64,")
    return np.asarray(Image.open(BytesIO(base64.b64decode(data))))


def slide(page, which, value):
    box = page.locator(f"#{which} input[type=number]")
    box.fill(str(value))
    box.press("Enter")


def test_it_says_loudly_that_it_is_no_medical_device(address, look):
    page = look(address).open()
    warning = page.locator(".tl-danger")
    expect(warning).to_contain_text("not a medical device")
    assert warning.evaluate("each => getComputedStyle(each).backgroundColor") == "rgb(185, 28, 28)"
    page.mouse.wheel(0, 3000)
    expect(warning).to_be_in_viewport()


def test_what_is_shown_is_what_the_model_is_asked_about(address, cells, look, scan):
    shown = open_study(shipped("CT_small.dcm")).plane(0).shown()
    (said,) = tlzoo.load_bundle(cells.bundle).predict([shown])
    page = look(address).open()
    upload(page, scan("CT_small.dcm"))
    told(page, "DICOM CT, 128 × 128 pixels, 16 bits")
    np.testing.assert_array_equal(picture(page), shown)
    page.locator("#main").click()
    expect(page.locator("#tl-answer .tl-said")).to_have_text(said.label)
    expect(page.locator("#tl-answer .tl-bar").first).to_contain_text(f"{100 * said.score:.1f} %")
    expect(page.locator("#tl-answer")).to_contain_text("These probabilities are calibrated")
    page.locator("#tl-where").click()
    expect(page.locator("#tl-why img")).to_be_visible()


def test_window_and_level_change_what_is_seen_and_asked(address, cells, look, scan):
    from apps.medical.plane import Window

    page = look(address).open()
    upload(page, scan("MR_small.dcm"))
    told(page, "MR")
    before = picture(page)
    slide(page, "tl-level", 900)
    slide(page, "tl-width", 400)
    plane = open_study(shipped("MR_small.dcm")).plane(0)
    wanted = plane.shown(Window(900, 400))
    page.wait_for_function("old => document.querySelector('#tl-shown img').src !== old", arg="")
    page.wait_for_timeout(700)
    assert not np.array_equal(picture(page), before)
    np.testing.assert_array_equal(picture(page), wanted)
    (said,) = tlzoo.load_bundle(cells.bundle).predict([wanted])
    page.locator("#main").click()
    expect(page.locator("#tl-answer .tl-bar").first).to_contain_text(f"{100 * said.score:.1f} %")
    page.get_by_label("Invert").check()
    expect(page.locator("#tl-answer .tl-said")).to_have_count(0)
    page.wait_for_timeout(500)
    np.testing.assert_array_equal(picture(page), 255 - wanted)


def test_monochrome1_comes_inverted(address, look, scan):
    content = changed("MR_small.dcm", PhotometricInterpretation="MONOCHROME1")
    page = look(address).open()
    upload(page, scan("one.dcm", content))
    told(page, "MR")
    expect(page.get_by_label("Invert")).to_be_checked()
    np.testing.assert_array_equal(picture(page), open_study(content).plane(0).shown())


def test_a_frame_is_chosen(address, look, scan):
    page = look(address).open()
    upload(page, scan("SC_rgb_rle_2frame.dcm"))
    told(page, "2 frames; frame 1")
    slide(page, "tl-frame", 2)
    told(page, "2 frames; frame 2")
    np.testing.assert_array_equal(
        picture(page), open_study(shipped("SC_rgb_rle_2frame.dcm")).plane(1).shown()
    )
    upload(page, scan("MR_small.dcm"))
    told(page, "MR")
    expect(page.locator("#tl-frame")).to_be_hidden()


def test_sixteen_bits_of_tiff_have_window_and_level(address, look, tmp_path):
    values = (np.arange(64 * 64).reshape(64, 64) * 15).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.tif")
    page = look(address).open()
    upload(page, tmp_path / "a.tif")
    told(page, "TIFF, 64 × 64 pixels")
    shown = picture(page)
    assert shown.min() == 0
    assert shown.max() == 255
    expect(page.locator("#tl-level input[type=number]")).to_be_enabled()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MR_small_jpeg_ls_lossless.dcm", "compressed as JPEG-LS Lossless"),
        ("MR_truncated.dcm", "cannot be decoded"),
        ("rtstruct.dcm", "holds no pictures"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_what_cannot_be_shown_is_told_and_nothing_of_it_stays(place, look, scan, name, message):
    page = look(place[0]).open()
    upload(page, scan(name))
    told(page, message)
    assert stored(place[1]) == []
    page.locator("#main").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("There is no picture")


def stored(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_upload_and_no_picture_of_it_is_stored(place, look, scan):
    url, folder = place
    page = look(url).open()
    upload(page, scan("CT_small.dcm"))
    told(page, "CT")
    page.locator("#main").click()
    expect(page.locator("#tl-answer .tl-said")).to_be_visible()
    page.locator("#tl-where").click()
    expect(page.locator("#tl-why img")).to_be_visible()
    assert stored(folder) == []
    page.locator("#tl-forget").click()
    told(page, "It is forgotten.")
    assert page.locator("#tl-shown img").count() == 0


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_example_is_clicked_and_asked_about(address, look, size):
    page = look(address, size).open()
    page.get_by_role("button", name="Phantom, 16 bits").click()
    told(page, "TIFF, 256 × 256 pixels")
    page.locator("#main").click()
    expect(page.locator("#tl-answer .tl-said")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1


def test_two_visitors_do_not_mix(address, look, scan):
    first, second = look(address).open(), look(address).open()
    upload(first, scan("CT_small.dcm"))
    upload(second, scan("MR_small.dcm"))
    told(first, "DICOM CT, 128 × 128")
    told(second, "DICOM MR, 64 × 64")
    second.locator("#tl-forget").click()
    told(second, "It is forgotten.")
    first.locator("#main").click()
    expect(first.locator("#tl-answer .tl-said")).to_be_visible()


def test_a_run_shows_its_evidence_at_once(cells, look, scan):
    with served("medical", runs=(cells.run,)) as (url, _):
        page = look(url).open()
        upload(page, scan("CT_small.dcm"))
        told(page, "CT")
        page.locator("#main").click()
        expect(page.locator("#tl-why")).to_contain_text("Grad-CAM")
        page.close()


def test_a_server_answers(app_server, look):
    with served("medical", url=f"{app_server}cells") as (url, _):
        page = look(url).open()
        page.get_by_role("button", name="Phantom, 16 bits").click()
        told(page, "TIFF")
        page.locator("#main").click()
        expect(page.locator("#tl-answer .tl-said")).to_be_visible()
        expect(page.locator("#tl-answer")).to_contain_text("Nobody has measured how well")
        page.close()


def test_a_server_that_is_gone_is_told(look):
    with served("medical", url=f"http://127.0.0.1:{free_port()}/v1/models/cells") as (url, _):
        page = look(url).open()
        expect(page.locator("#tl-condition")).to_contain_text("does not answer")
        page.get_by_role("button", name="Phantom, 16 bits").click()
        told(page, "TIFF")
        page.locator("#main").click()
        expect(page.get_by_test_id("toast-body")).to_contain_text("127.0.0.1")
        page.close()

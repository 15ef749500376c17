"""The app that inspects pictures, in a real browser, on a bundle, a run, and a server that comes and goes."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tlzoo
from apps.common.bundle_predictor import BundlePredictor
from apps.inspect.app import build
from apps.inspect.pictures import sheet_of
from tests.app_pages import DESK, PHONE, downloaded, free_port, served
from tlzoo.errors import DataError, SourceError, UsageError

pytest.importorskip("playwright")
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(cells):
    with served("inspect", bundle=cells.bundle) as (url, _):
        yield url


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures the model has not seen: five with a dark spot, five without, and one that is broken."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(9)
    for number in range(10):
        pixels = random.integers(150, 200, (48, 48), dtype=np.uint8)
        if number % 2:
            pixels[10:26, 12:28] = 20
        Image.fromarray(pixels).save(folder / f"cell{number}.png")
    (folder / "broken.png").write_bytes((folder / "cell0.png").read_bytes()[:90])
    return folder


def upload(page, path):
    page.locator("#tl-picture input[type=file]").set_input_files(path)
    expect(page.locator("#tl-picture img")).to_be_visible()


def many(page, paths):
    page.get_by_role("tab", name="Many pictures").click()
    page.locator("#tl-upload input[type=file]").set_input_files(paths)
    expect(page.locator("#tl-upload")).to_contain_text(Path(paths[-1]).stem)
    page.locator("#tl-batch-ask").click()


@pytest.fixture(scope="module")
def asked(cells):
    """What the bundle itself says of a picture: `asked(path)`."""
    loaded = tlzoo.load_bundle(cells.bundle)
    return lambda path: loaded.predict([path])[0]


def test_a_picture_is_inspected_as_the_bundle_does_and_evidence_comes_on_request(
    address, asked, photos, look
):
    said = asked(photos / "cell1.png")
    assert said.label == "defective"
    page = look(address).open()
    upload(page, photos / "cell1.png")
    page.locator("#main").click()
    expect(page.locator("#tl-answer .tl-first")).to_contain_text(
        f"{100 * said.probabilities['defective']:.1f} %"
    )
    expect(page.locator("#tl-answer .tl-said")).to_have_text("defective")
    expect(page.locator("#tl-answer")).to_contain_text("Cannot be ruled out (90 % sure)")
    assert page.locator("#tl-why img").count() == 0
    page.locator("#tl-where").click()
    expect(page.locator("#tl-why img")).to_have_attribute(
        "alt", "heat map: where the evidence for defective lies"
    )
    expect(page.locator("#tl-why")).to_contain_text("hidden one by one")


def test_evidence_is_looked_for_in_another_class(address, photos, look):
    page = look(address).open()
    upload(page, photos / "cell1.png")
    page.locator("#main").click()
    expect(page.locator("#tl-answer .tl-said")).to_be_visible()
    page.get_by_label("Evidence for").click()
    page.get_by_role("option", name="functional").click()
    page.locator("#tl-where").click()
    expect(page.locator("#tl-why img")).to_have_attribute(
        "alt", "heat map: where the evidence for functional lies"
    )


@pytest.fixture
def stripes(tmp_path):
    """A picture of something else."""
    pixels = np.zeros((48, 48, 3), np.uint8)
    pixels[::2], pixels[:, ::3, 0] = 255, 255
    Image.fromarray(pixels).save(tmp_path / "stripes.png")
    return tmp_path / "stripes.png"


def test_a_picture_of_something_else_is_called_foreign(address, cells, asked, stripes, look):
    threshold = tlzoo.load_bundle(cells.bundle).facts.ood.threshold
    assert asked(stripes).ood_score > threshold
    page = look(address).open()
    upload(page, stripes)
    page.locator("#main").click()
    expect(page.locator("#tl-answer .tl-warn")).to_contain_text("unlike anything the model was trained on")


# Gradio opens pictures that are clicked as examples, and leaves them to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file <_io.BufferedReader name='.*drawn_:ResourceWarning")
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_example_is_clicked_and_inspected(address, look, size):
    page = look(address, size).open()
    page.locator(".tl-examples button").last.click()
    expect(page.locator("#tl-picture img")).to_be_visible()
    page.locator("#main").click()
    expect(page.locator("#tl-answer .tl-first")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1


def test_no_picture_and_a_broken_one_are_told_in_a_sentence(address, photos, look):
    page = look(address).open()
    page.locator("#main").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("There is no picture. Upload one")
    page.get_by_test_id("toast-close").click()
    page.locator("#tl-picture input[type=file]").set_input_files(photos / "broken.png")
    page.wait_for_timeout(300)
    page.locator("#main").click()
    expect(page.locator("#tl-answer .tl-bad, [data-testid=toast-body]").first).to_contain_text("read")


def test_many_are_sorted_opened_and_downloaded(address, asked, photos, look):
    files = sorted(photos.glob("*.png"))
    page = look(address).open()
    many(page, files)
    rows = page.locator("#tl-batch-table tbody tr")
    expect(rows).to_have_count(11)
    expect(page.locator("#tl-batch-told")).to_contain_text("1 could not be read")
    page.get_by_role("button", name="defective", exact=True).click()
    page.get_by_role("button", name="defective", exact=True).click()
    shown = [row.split("\t") for row in rows.all_inner_texts()]
    answers = {file.name: asked(file) for file in files if file.name != "broken.png"}
    ranked = sorted(answers, key=lambda name: -answers[name].probabilities["defective"])
    told = [row[0].strip() for row in shown if row[0].strip() != "broken.png"]
    assert [answers[name].label for name in told] == [answers[name].label for name in ranked]
    found = {row["picture"]: row for row in downloaded(page, "#tl-batch-download")}
    assert found["broken.png"]["problem"]
    assert {name: found[name]["label"] for name in answers} == {
        name: one.label for name, one in answers.items()
    }
    page.get_by_role("button", name="cell3.png").click()
    expect(page.locator("#tl-picture img")).to_be_visible()
    share = 100 * answers["cell3.png"].probabilities["defective"]
    expect(page.locator("#tl-answer .tl-first")).to_contain_text(f"{share:.1f} %")


def test_a_zip_file_of_many_is_stopped(address, photos, tmp_path, look):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number in range(3000):
            archive.write(photos / f"cell{number % 10}.png", f"module/{number}.png")
    page = look(address).open()
    many(page, [tmp_path / "all.zip"])
    expect(page.locator("#tl-batch-told progress")).to_be_visible()
    page.locator("#tl-batch-stop").click()
    expect(page.locator("#tl-batch-told")).to_contain_text("of 3,000 answered", timeout=20_000)


def test_two_visitors_do_not_mix(address, asked, photos, look):
    first, second = look(address).open(), look(address).open()
    for page, name in ((first, "cell1.png"), (second, "cell2.png")):
        upload(page, photos / name)
    first.locator("#main").click()
    second.locator("#main").click()
    for page, name in ((first, "cell1.png"), (second, "cell2.png")):
        share = asked(photos / name).probabilities["defective"]
        expect(page.locator("#tl-answer .tl-first")).to_contain_text(f"{100 * share:.1f} %")


def copy_of_run(cells, folder, source=None):
    """A run that knows of no foreign pictures yet; where a source is named, its data is looked for there."""
    run = Path(shutil.copytree(cells.run, folder / "copy"))
    (run / "ood.npz").unlink()
    if source is not None:
        config = json.loads((run / "config.json").read_text())
        config["data"]["source"] = str(source)
        (run / "config.json").write_text(json.dumps(config))
    return run


def test_a_run_shows_its_evidence_at_once_and_warns_as_its_bundle_does(
    cells, photos, stripes, look, tmp_path
):
    with served("inspect", runs=(copy_of_run(cells, tmp_path),)) as (url, _):
        page = look(url).open()
        upload(page, photos / "cell1.png")
        page.locator("#main").click()
        expect(page.locator("#tl-answer .tl-said")).to_have_text("defective")
        expect(page.locator("#tl-why img")).to_be_visible()
        expect(page.locator("#tl-why")).to_contain_text("Grad-CAM")
        assert "foreign" not in page.locator("#tl-answer").inner_text()
        many(page, [photos / "cell2.png", stripes])
        expect(page.locator("#tl-batch-told")).to_contain_text("1 unlike the training data")
        page.get_by_role("button", name="stripes.png").click()
        expect(page.locator("#tl-answer .tl-warn")).to_contain_text(
            "unlike anything the model was trained on"
        )
        page.close()


def test_a_run_whose_data_is_gone_says_that_it_cannot_warn_and_answers(cells, photos, look, tmp_path):
    run = copy_of_run(cells, tmp_path, tmp_path / "gone")
    with served("inspect", runs=(run,)) as (url, _):
        page = look(url).open()
        upload(page, photos / "cell1.png")
        page.locator("#main").click()
        expect(page.locator("#tl-answer .tl-said")).to_have_text("defective")
        expect(page.locator("#tl-answer")).to_contain_text("are not where they were, or have changed")
        expect(page.locator("#tl-why img")).to_be_visible()
        page.close()


def test_a_server_answers(app_server, cells, photos, look):
    with served("inspect", url=f"{app_server}cells", bundle=cells.bundle) as (url, _):
        page = look(url).open()
        upload(page, photos / "cell1.png")
        page.locator("#main").click()
        expect(page.locator("#tl-answer .tl-said")).to_have_text("defective")
        page.locator("#tl-where").click()
        expect(page.locator("#tl-why img")).to_be_visible()
        page.close()


def test_a_server_that_is_gone_is_told(photos, look):
    with served("inspect", url=f"http://127.0.0.1:{free_port()}/v1/models/cells") as (url, _):
        page = look(url).open()
        expect(page.locator("#tl-condition")).to_contain_text("does not answer")
        upload(page, photos / "cell1.png")
        page.locator("#main").click()
        expect(page.get_by_test_id("toast-body")).to_contain_text("127.0.0.1")
        page.close()


def test_a_model_of_texts_is_refused(talk):
    with pytest.raises(UsageError, match="is a model of texts"):
        build(BundlePredictor(talk.bundle))


def test_uploads_that_are_no_pictures_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.zip").write_text("x")
    with pytest.raises(DataError, match="there are no pictures"):
        sheet_of(tmp_path, None)
    with pytest.raises(DataError, match=r"'a\.txt' is no picture"):
        sheet_of(tmp_path, [str(tmp_path / "a.txt")])
    with pytest.raises(SourceError):
        sheet_of(tmp_path, [str(tmp_path / "b.zip")])

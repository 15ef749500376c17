"""Teach, in a real browser: from examples to a model that answers, two visitors at once, and what goes wrong."""

from __future__ import annotations

import csv
import re
import zipfile

import pytest

from tests.app_pages import PHONE, hanging_over, served, tabs_that_hang_over

pytest.importorskip("playwright")
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

RED, BLUE = (200, 40, 40), (40, 60, 200)
RESULTS = ("Try it", "How good is it?", "Fine-tune", "Did transfer help?", "Take it away")
LONG = 120_000
"""Milliseconds after which something that takes seconds has surely failed."""


@pytest.fixture(scope="module")
def taught(tiny_text, tmp_path_factory):
    """The app, with two tiny backbones; its address, its folder, and the repository it deploys to."""
    repository = tmp_path_factory.mktemp("repository")
    with served("teach", folder=repository) as (url, folder):
        from apps.teach import app

        app.SHELF.warm()
        assert app.SHELF.ready(LONG / 1000)
        yield url, folder, repository


@pytest.fixture
def pictures(picture):
    """Eight pictures of each colour."""
    return {
        name: [picture(f"{name}/{at}.png", colour, seed=at) for at in range(8)]
        for name, colour in (("red", RED), ("blue", BLUE))
    }


def fill(page, pictures):
    for number, (name, files) in enumerate(pictures.items()):
        page.get_by_label(f"Name of class {number + 1}").first.fill(name)
        page.locator(f"#pictures-{number} input[type=file]").first.set_input_files(files)
        expect(page.locator(f"#pictures-{number} img")).to_have_count(len(files), timeout=LONG)


def train(page):
    page.locator("#main").click()
    expect(page.locator("#state")).to_contain_text("report and all", timeout=LONG)


def test_from_pictures_to_a_model_that_is_tried_and_taken_away(taught, look, pictures, picture, tmp_path):
    url, _, repository = taught
    page = look(url).open()
    fill(page, pictures)
    train(page)
    expect(page.locator("#summary")).to_contain_text("examples it had never seen are right")
    expect(page.locator("#summary")).to_contain_text("held-out examples say little")
    page.locator("#try-picture input[type=file]").set_input_files(picture("new.png", BLUE, seed=99))
    expect(page.locator("#answer .tl-said")).to_have_text("blue", timeout=LONG)
    page.locator("#why").click()
    expect(page.locator("#heat img")).to_be_visible(timeout=LONG)
    page.get_by_role("tab", name="How good is it?").click()
    expect(page.locator("#details caption")).to_contain_text("Rows: what it is")
    expect(page.locator("#details")).to_contain_text("right when said")
    page.get_by_role("tab", name="Take it away").click()
    for button, ending in (("report", ".html"), ("litert", ".tflite"), ("savedmodel", ".zip")):
        page.locator(f"#take-{button}").click()
        expect(page.locator("#take-state")).to_contain_text(f"{ending} is ready", timeout=LONG)
        with page.expect_download(timeout=LONG) as taking:
            page.locator("#taken a[download]").first.click()
        file = tmp_path / f"taken{ending}"
        taking.value.save_as(file)
        assert file.stat().st_size > 1000
    names = zipfile.ZipFile(tmp_path / "taken.zip").namelist()
    assert "model/1/saved_model.pb" in names
    name = page.locator("#deploy-name input, #deploy-name textarea").first
    name.fill("../colours")
    page.locator("#deploy").click()
    expect(page.locator("#take-state")).to_contain_text("is no name for a model", timeout=LONG)
    name.fill("colours")
    page.locator("#deploy").click()
    expect(page.locator("#take-state")).to_contain_text("Version 1 of 'colours'", timeout=LONG)
    assert (repository / "colours" / "1" / "saved_model.pb").is_file()


def test_examples_are_clicked_on_a_phone_and_a_picture_that_was_held_back(taught, look):
    page = look(taught[0], PHONE).open()
    page.get_by_role("button", name="Handwritten digits").click()
    expect(page.locator("#pictures-3 img")).to_have_count(15, timeout=LONG)
    icons = page.locator(".icon-button-wrapper .icon-button:visible, .source-selection button:visible").all()
    assert len(icons) >= 4 * 4
    assert all(min(box["width"], box["height"]) >= 40 for box in (icon.bounding_box() for icon in icons))
    train(page)
    page.locator("#tries button").first.click()
    expect(page.locator("#answer .tl-said")).to_have_text("zero", timeout=LONG)
    page.locator("#why").click()
    expect(page.locator("#heat img")).to_be_visible(timeout=LONG)
    wide, seen = tabs_that_hang_over(page)
    assert wide == {}
    assert seen == len(("Pictures", "Texts", "A file", *RESULTS))
    assert [page.get_by_role("tab", name=name).is_visible() for name in RESULTS] == [True] * len(RESULTS)


def test_fine_tuning_draws_curves_and_can_be_stopped(taught, look, pictures):
    page = look(taught[0]).open()
    fill(page, pictures)
    train(page)
    page.get_by_role("tab", name="Fine-tune").click()
    passes = page.get_by_label("number input for Passes over your examples")
    passes.fill("3")
    passes.press("Enter")
    page.locator("#tune").click()
    expect(page.locator("#tune-state")).to_contain_text("Fine-tuned", timeout=LONG)
    expect(page.locator("#curves svg")).to_have_count(2)
    expect(page.locator("#summary")).to_contain_text("Before fine-tuning it was")
    page.locator("#undo").click()
    expect(page.locator("#tune-state")).to_contain_text("before fine-tuning again", timeout=LONG)
    expect(page.locator("#summary")).not_to_contain_text("Before fine-tuning it was")
    passes.fill("60")
    passes.press("Enter")
    page.locator("#tune").click()
    expect(page.locator("#stop-tune")).to_be_enabled(timeout=LONG)
    page.locator("#stop-tune").click()
    expect(page.locator("#tune-state")).to_contain_text("Stopped", timeout=LONG)
    expect(page.locator("#tune")).to_be_enabled()


def test_what_goes_wrong_is_a_sentence_and_the_page_goes_on(taught, look, pictures, tmp_path):
    page = look(taught[0]).open()
    state = page.locator("#state")
    page.locator("#main").click()
    expect(state).to_contain_text("There are no pictures yet. Allowed: 2 or more classes.", timeout=LONG)
    fill(page, {"red": pictures["red"]})
    page.locator("#main").click()
    expect(state).to_contain_text("Only 'red' has pictures.", timeout=LONG)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is no picture")
    page.get_by_label("Name of class 2").first.fill("blue")
    page.locator("#pictures-1 input[type=file]").first.set_input_files([*pictures["blue"][:4], broken])
    expect(page.locator("#pictures-1 img")).to_have_count(5, timeout=LONG)
    page.locator("#main").click()
    expect(state).to_contain_text("broken.png", timeout=LONG)
    expect(state.locator("[role=alert]")).to_be_visible()
    assert "Traceback" not in page.content()
    expect(page.locator("#main")).to_be_enabled()


def test_training_is_stopped_and_begins_again(taught, look, pictures):
    page = look(taught[0]).open()
    fill(page, pictures)
    page.locator("#main").click()
    expect(page.locator("#stop")).to_be_enabled(timeout=LONG)
    page.locator("#stop").click()
    expect(page.locator("#state")).to_contain_text("Stopped.", timeout=LONG)
    expect(page.locator("#result")).to_be_hidden()
    train(page)


def test_two_visitors_do_not_mix_and_leave_nothing(taught, look, pictures, picture):
    url, folder, _ = taught
    first, second = look(url).open(), look(url).open()
    fill(first, pictures)
    second.get_by_role("button", name="Letters to a shop").click()
    expect(second.locator("#texts-2 textarea")).not_to_have_value("", timeout=LONG)
    first.locator("#main").click()
    second.locator("#main").click()
    for page in (first, second):
        expect(page.locator("#state")).to_contain_text("report and all", timeout=LONG)
    first.locator("#try-picture input[type=file]").set_input_files(picture("one.png", RED, seed=50))
    expect(first.locator("#answer .tl-said")).to_have_text("red", timeout=LONG)
    second.locator("#ask").click()
    expect(second.locator("#answer .tl-bar")).to_have_count(3, timeout=LONG)
    assert {"praise", "complaint", "question"} >= {second.locator("#answer .tl-said").inner_text()}
    second.locator("#why").click()
    expect(second.locator("#words mark").first).to_be_visible(timeout=LONG)
    kept = list(folder.glob("visit-*"))
    assert len(kept) >= 2
    for page in (first, second):
        page.close()
    for _ in range(100):
        if len(list(folder.glob("visit-*"))) <= len(kept) - 2:
            break
        look(url).page.wait_for_timeout(100)
    assert len(list(folder.glob("visit-*"))) <= len(kept) - 2


def test_a_zip_file_and_a_table_are_read(taught, look, pictures, tmp_path):
    page = look(taught[0]).open()
    archive = tmp_path / "colours.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name, files in pictures.items():
            for file in files:
                opened.write(file, f"colours/{name}/{file.name}")
    page.get_by_role("tab", name="A file").click()
    page.locator("#upload input[type=file]").set_input_files(archive)
    expect(page.locator("#upload")).to_contain_text("colours", timeout=LONG)
    train(page)
    expect(page.locator("#summary")).to_contain_text("examples it had never seen")
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w") as opened:
        opened.writestr("../red/1.png", b"x")
    page.locator("#upload button[aria-label=Clear], #upload button[aria-label=Remove]").first.click()
    page.locator("#upload input[type=file]").set_input_files(evil)
    expect(page.locator("#upload")).to_contain_text("evil", timeout=LONG)
    page.locator("#main").click()
    expect(page.locator("#state")).to_contain_text("would land outside its folder", timeout=LONG)


def test_every_click_adds_a_class(taught, look):
    page = look(taught[0]).open()
    more = page.get_by_role("button", name="Add a class").first
    for _ in range(3):
        more.click()
    expect(page.get_by_label("Name of class 5").first).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="Remove the last class").first.click()
    expect(page.get_by_label("Name of class 5").first).to_be_hidden(timeout=LONG)


def test_whoever_is_quicker_than_the_list_of_networks_is_served(taught, look):
    """A file of texts while a network for pictures is still chosen: the usual one for texts is taken."""
    page = look(taught[0]).open()
    page.get_by_role("button", name="Letters to a shop").click()
    expect(page.locator("#texts-2 textarea")).not_to_have_value("", timeout=LONG)
    page.evaluate("document.querySelector('#main').click()")
    expect(page.locator("#state")).to_contain_text("report and all", timeout=LONG)


def test_a_network_that_does_not_take_the_data_gives_way(tiny_text):
    from apps.teach.warm import choices, fitting
    from tlzoo.errors import UnknownNameError

    assert fitting("tiny", "image") == "tiny"
    assert fitting("tiny", "text") in choices("text")
    assert fitting("tiny_text", "image") == "tiny"
    with pytest.raises(UnknownNameError, match="no network 'tinny'"):
        fitting("tinny", "image")


def test_networks_are_ranked(taught, look, pictures):
    page = look(taught[0]).open()
    fill(page, pictures)
    page.locator("#rank").click()
    expect(page.locator("#state")).to_contain_text("suits your examples best", timeout=LONG)
    expect(page.locator("#state td").first).to_contain_text("Tiny")


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def test_tables_are_gathered_with_named_columns(tmp_path):
    from apps.teach import gather
    from tlzoo.errors import DataError

    rows = [("words", "kind"), *((f"text {at} of it", "ab"[at % 2]) for at in range(12))]
    table = write_table(tmp_path / "t.csv", rows)
    assert gather.file(tmp_path / "1", table, "words", "kind").class_names == ("a", "b")
    with pytest.raises(DataError):
        gather.file(tmp_path / "2", table, "nothing", "kind")
    with pytest.raises(DataError, match="neither a zip file nor a table"):
        gather.file(tmp_path / "3", tmp_path / "x.exe", "", "")
    with pytest.raises(DataError, match="two classes are called 'a'"):
        gather.texts(tmp_path / "4", ["a", "a"], ["x\ny\nz", "u\nv\nw"])
    with pytest.raises(DataError, match="'b' has 1 text"):
        gather.texts(tmp_path / "5", ["a", "b"], ["x\ny\nz", "u"])
    with pytest.raises(DataError, match="class 2 has texts and no name"):
        gather.texts(tmp_path / "6", ["a", " "], ["x\ny\nz", "u\nv\nw"])


def ask_for_a_verdict(page):
    page.get_by_role("tab", name="Did transfer help?").click()
    page.locator("#verdict-minutes input[type=number]").fill("1")
    page.locator("#verdict-minutes input[type=number]").press("Enter")
    page.locator("#verdict").click()


def test_a_verdict_comes_on_request_and_goes_with_its_model(taught, look, pictures):
    page = look(taught[0], PHONE).open()
    fill(page, pictures)
    train(page)
    ask_for_a_verdict(page)
    told = page.locator("#verdict-state")
    expect(told.locator("progress")).to_be_visible(timeout=LONG)
    expect(told.locator("table")).to_be_visible(timeout=2 * LONG)
    expect(told.locator(".tl-word strong")).to_have_text(re.compile("^(Positive|Neutral|Negative)"))
    expect(told.locator(".tl-word")).to_contain_text(re.compile(r"between .\d+ and .\d+ \(95 % sure\)"))
    expect(told.locator(".tl-rail")).not_to_have_count(0)
    expect(told).to_contain_text("the same network from scratch")
    expect(told).to_contain_text("always the commonest class")
    assert hanging_over(page) <= 1
    expect(page.locator("#verdict")).to_be_enabled()
    train(page)
    expect(told).to_be_empty(timeout=LONG)


def test_a_verdict_is_stopped(taught, look, pictures):
    page = look(taught[0]).open()
    fill(page, pictures)
    train(page)
    ask_for_a_verdict(page)
    expect(page.locator("#stop-verdict")).to_be_enabled(timeout=LONG)
    page.locator("#stop-verdict").click()
    expect(page.locator("#verdict-state")).to_contain_text("Stopped.", timeout=LONG)
    expect(page.locator("#verdict")).to_be_enabled()


@pytest.mark.parametrize("word", ["positive", "neutral", "negative"])
def test_a_verdict_is_told_in_words(word):
    from apps.teach.helped import told
    from tlzoo.metrics.bootstrap import Interval
    from tlzoo.metrics.learning_curve import CatchUp
    from tlzoo.workflows.verdict_answer import Advice, Point, Row, Verdict

    gain = Interval(-0.31, -0.44, -0.18)
    rows = (Row("run", "", 0.5, 3, gain), Row("scratch", "", 0.81, 2), Row("majority", "", 0.25, 1))
    curve = (Point(0.5, 20, 2, 0.4, 0.6), Point(1.0, 40, 2, 0.5, 0.81))
    known = ("r", "d", "accuracy", 1.0, word, gain, 0.01, 12, rows, curve, CatchUp("untold"))
    advice = (Advice("<b>tune</b>", "it may help; `tlzoo rank` says", ""),)
    shown = told(Verdict(*known, missing=("probe with all the data, 2 seeds",), advice=advice))
    assert f'tl-{word}"' in shown
    assert "−31 points of accuracy, between −44 and −18 (95 % sure)" in shown
    assert "12 held-back examples, after 3 and 2 trainings." in shown
    assert "There was no time for a probe on frozen features with all the data, 2 seeds." in shown
    assert "&lt;b&gt;tune" in shown
    assert shown.count("<svg") == 1
    assert shown.count('class="tl-span"') == 1
    assert "tlzoo rank" not in shown
    wide = (*known[:5], Interval(-0.31, -1.54, 2.2), *known[6:])
    assert "between −100 and +100 (95 % sure)" in told(Verdict(*wide))
    alone = told(Verdict(*known[:5], None, *known[6:8], rows[:1], (), CatchUp("untold")))
    assert "Not known yet" in alone
    assert "Allow more minutes" in alone

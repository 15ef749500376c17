"""The app for texts, in a real browser, on a bundle, a run, a server, and a server that is gone."""

from __future__ import annotations

import csv

import pytest

import tlzoo
from apps.common.bundle_predictor import BundlePredictor
from apps.sentiment.app import build
from apps.sentiment.tables import columns_of, sheet_of
from tests.app_pages import DESK, PHONE, downloaded, free_port, served
from tlzoo.errors import DataError, UsageError

pytest.importorskip("playwright")
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

GOAL = "The striker scored a goal and the team won the match."


@pytest.fixture(scope="module")
def address(talk):
    with served("sentiment", bundle=talk.bundle) as (url, _):
        yield url


def judge(page, text):
    page.get_by_label("Text", exact=True).fill(text)
    page.locator("#main").click()


def table(page, path):
    page.get_by_role("tab", name="A table").click()
    page.locator("#tl-upload input[type=file]").set_input_files(path)


def write(path, texts, column="review"):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", column], *([number, text] for number, text in enumerate(texts))])
    return path


def test_a_text_is_judged_as_the_bundle_judges_it_and_its_words_are_coloured(address, talk, look):
    (said,) = tlzoo.load_bundle(talk.bundle).predict([GOAL])
    page = look(address).open()
    judge(page, GOAL)
    expect(page.locator("#tl-words .tl-words")).to_have_text(GOAL)
    expect(page.locator("#tl-answer .tl-said")).to_have_text(said.label)
    expect(page.locator("#tl-answer .tl-bar").first).to_contain_text(f"{100 * said.score:.1f} %")
    expect(page.locator("#tl-answer")).to_contain_text("Cannot be ruled out (90 % sure)")
    assert page.locator("#tl-words mark").count() >= 8
    pushes = page.locator("#tl-words .tl-table tbody tr").all_inner_texts()
    assert pushes
    assert all(word.split("\t")[0].strip() in GOAL for word in pushes)


def test_what_looks_like_a_page_or_a_template_is_shown_as_it_is(address, look):
    text = "<img src=x onerror=alert(1)> {{value}} ${1+1} <b>goal</b> & salt"
    page = look(address).open()
    judge(page, text)
    expect(page.locator("#tl-words .tl-words")).to_have_text(text)
    assert page.locator("#tl-words b, #tl-words img").count() == 0


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_example_is_clicked_and_judged(address, talk, look, size):
    page = look(address, size).open()
    given = tlzoo.samples(talk.bundle)[0].decode()
    page.locator(".tl-examples button").first.click()
    expect(page.get_by_label("Text", exact=True)).to_have_value(given)
    page.locator("#main").click()
    expect(page.locator("#tl-words .tl-words")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1


def test_no_text_is_told_in_a_sentence(address, look):
    page = look(address).open()
    judge(page, "   ")
    expect(page.get_by_test_id("toast-body")).to_contain_text("There is no text. Paste or type one")


def test_a_table_is_answered_sorted_and_downloaded(address, talk, look, tmp_path):
    texts = [GOAL, "Add salt to the soup.", "", "Water the roses."]
    page = look(address).open()
    table(page, write(tmp_path / "new.csv", texts))
    expect(page.get_by_label("Column of the texts")).to_have_value("review")
    page.locator("#tl-batch-ask").click()
    rows = page.locator("#tl-batch-table tbody tr")
    expect(rows).to_have_count(4)
    expect(page.locator("#tl-batch-told")).to_contain_text("4 answered")
    page.locator("#tl-batch-table th").nth(2).get_by_role("button").click()
    shown = [float(row.split("\t")[2].removesuffix(" %")) for row in rows.all_inner_texts()]
    assert shown == sorted(shown)
    assert len(set(shown)) > 1
    found = downloaded(page, "#tl-batch-download")
    asked = tlzoo.load_bundle(talk.bundle).predict(texts)
    assert [row["review"] for row in found] == texts
    assert [row["label"] for row in found] == [one.label for one in asked]
    assert float(found[0]["score"]) == pytest.approx(asked[0].score, abs=1e-5)
    assert {"football", "not ruled out", "foreign", "problem"} <= set(found[0])


def test_long_work_is_stopped_and_what_was_answered_stays(address, look, tmp_path):
    page = look(address).open()
    table(page, write(tmp_path / "long.csv", [f"{GOAL} {number} " * 60 for number in range(30_000)]))
    # More than a hundred megabytes are uploaded.
    expect(page.get_by_label("Column of the texts")).to_have_value("review", timeout=60_000)
    page.locator("#tl-batch-ask").click()
    expect(page.locator("#tl-batch-told progress")).to_be_visible()
    page.locator("#tl-batch-stop").click()
    expect(page.locator("#tl-batch-told")).to_contain_text("Stopped.", timeout=20_000)
    expect(page.locator("#tl-batch-told")).to_contain_text("of 30,000 answered")
    expect(page.locator("#tl-batch-stop")).to_be_disabled()


def test_no_table_is_told_in_a_sentence(address, look, tmp_path):
    page = look(address).open()
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    table(page, tmp_path / "photo.png")
    expect(page.get_by_test_id("toast-body")).to_contain_text("'photo.png' is no table.")


def test_two_visitors_do_not_mix(address, look, tmp_path):
    first, second = look(address).open(), look(address).open()
    for page, texts in ((first, [GOAL] * 40), (second, ["Add salt to the soup."] * 30)):
        table(page, write(tmp_path / f"{len(texts)}.csv", texts))
        expect(page.get_by_label("Column of the texts")).to_have_value("review")
    first.locator("#tl-batch-ask").click()
    second.locator("#tl-batch-ask").click()
    for page, text, count in ((first, GOAL, 40), (second, "Add salt to the soup.", 30)):
        expect(page.locator("#tl-batch-told")).to_contain_text(f"{count} answered")
        found = downloaded(page, "#tl-batch-download")
        assert [row["review"] for row in found] == [text] * count


def test_a_run_answers_as_its_bundle(talk, look):
    (said,) = tlzoo.load_bundle(talk.bundle).predict([GOAL])
    with served("sentiment", runs=(talk.run,)) as (url, _):
        page = look(url).open()
        judge(page, GOAL)
        expect(page.locator("#tl-words .tl-words")).to_have_text(GOAL)
        expect(page.locator("#tl-answer .tl-bar").first).to_contain_text(
            f"{said.label}{100 * said.score:.1f} %"
        )
        page.close()


def test_a_server_answers(app_server, look):
    with served("sentiment", url=f"{app_server}talk") as (url, _):
        page = look(url).open()
        judge(page, GOAL)
        expect(page.locator("#tl-words .tl-words")).to_have_text(GOAL)
        expect(page.locator("#tl-answer .tl-said")).to_be_visible()
        page.close()


def test_a_server_that_is_gone_is_told(look):
    with served("sentiment", url=f"http://127.0.0.1:{free_port()}/v1/models/talk") as (url, _):
        page = look(url).open()
        expect(page.locator("#tl-condition")).to_contain_text("does not answer")
        judge(page, GOAL)
        expect(page.get_by_test_id("toast-body")).to_contain_text("127.0.0.1")
        page.close()


def test_a_model_of_pictures_is_refused(cells):
    with pytest.raises(UsageError, match="is a model of images"):
        build(BundlePredictor(cells.bundle))


def test_the_column_of_texts_is_guessed_by_name_else_by_length(tmp_path):
    assert columns_of(str(write(tmp_path / "a.csv", ["x"], "Review")))[1] == "Review"
    assert columns_of(str(write(tmp_path / "b.csv", ["many words"], "zzz"))) == (["id", "zzz"], "zzz")


@pytest.mark.parametrize(
    ("content", "message"),
    [("a,a\n1,2\n", "two columns of one name"), ("text\n", "has 0 rows"), ("", "'t.csv' is empty")],
)
def test_tables_that_make_no_sense_are_refused(tmp_path, content, message):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        columns_of(str(tmp_path / "t.csv"))


def test_a_table_needs_a_column(tmp_path):
    with pytest.raises(DataError, match="no column is chosen"):
        sheet_of(tmp_path, str(write(tmp_path / "a.csv", ["x"])), None)
    with pytest.raises(DataError, match="there is no table"):
        sheet_of(tmp_path, None, None)

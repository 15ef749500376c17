"""Comparing runs in a real browser: who wins, curves, confusion, verdicts, broken folders, and reading again."""

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from apps.compare import views
from apps.compare.runs import Runs, opened
from tests.app_pages import DESK, PHONE, served
from tests.evaluation.conftest import Recipe, write_run
from tlzoo.errors import UsageError
from tlzoo.workflows.apps import Source

SKILL = {"strong": 2.6, "weak": 1.2, "strong_again": 2.55}
VERDICT = {
    "sentence": "Positive transfer: +7.0 points [5.0, 9.1] of accuracy.",
    "metric": "accuracy",
    "catch_up_words": "Scratch would need about 9,000 examples.",
    "cautions": ["<b>Few</b> seeds."],
    "curve": [{"examples": n, "run": 0.8 + n / 10_000, "scratch": 0.6 + n / 9000} for n in (150, 700, 1500)],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three finished runs, one of them with a verdict, and one that was killed."""
    root = tmp_path_factory.mktemp("runs")
    for seed, (name, skill) in enumerate(SKILL.items()):
        write_run(root / name, Recipe(n=900, skill=skill, seed=seed))
    (root / "strong" / "verdict").mkdir()
    (root / "strong" / "verdict" / "verdict.json").write_text(json.dumps(VERDICT))
    (root / "weak" / "tensorboard").mkdir()
    shutil.copytree(root / "weak", root / "killed")
    (root / "killed" / "metrics.json").unlink()
    return root


@pytest.fixture(scope="module")
def address(folder):
    with served("compare", runs=(folder,)) as (url, _):
        yield url


def ready(look, url, size=DESK):
    page = look(url, size).open()
    page.locator("#tl-table tbody tr").first.wait_for()
    return page


def order(page):
    return [row.split("\t")[0] for row in page.locator("#tl-table tbody tr").all_inner_texts()]


@pytest.mark.slow
def test_who_wins_is_told_with_its_doubt(address, look):
    page = ready(look, address)
    assert order(page)[-1] == "weak"
    expect(page.locator("#tl-winner")).to_contain_text("leads, but within noise of strong")
    expect(page.locator("#tl-table")).to_contain_text("worse by")
    expect(page.locator("#tl-table")).to_contain_text("412.6")
    expect(page.locator("#tl-table")).to_contain_text("3.4 M")
    assert page.locator("#tl-intervals .tl-span").count() == 3
    assert page.locator("#tl-loss polyline").count() == 3


def test_a_choice_is_compared_at_once(address, look):
    page = ready(look, address)
    page.get_by_label("strong_again").uncheck()
    expect(page.locator("#tl-winner")).to_contain_text(
        "strong wins: better than the other run, beyond noise."
    )
    page.get_by_label("strong", exact=True).uncheck()
    expect(page.locator("#tl-winner")).to_contain_text("weak is the only run.")
    page.get_by_label("weak").uncheck()
    expect(page.locator("#tl-winner")).to_contain_text("Choose a run or more.")
    page.get_by_role("button", name="The best two").click()
    expect(page.locator("#tl-table tbody tr")).to_have_count(2)
    assert set(order(page)) == {"strong", "strong_again"}


def test_other_metrics_turn_the_order_where_less_is_better(address, look):
    page = ready(look, address)
    page.get_by_label("Compared by").click()
    page.get_by_role("option", name="log_loss").click()
    expect(page.locator("#tl-table thead")).to_contain_text("log loss")
    assert order(page)[-1] == "weak"
    expect(page.locator("#tl-table")).to_contain_text("nats")


def test_curves_over_seconds(address, look):
    page = ready(look, address, PHONE)
    expect(page.locator("#tl-loss svg")).to_contain_text("epochs 24")
    page.get_by_label("seconds").check()
    expect(page.locator("#tl-loss svg")).to_contain_text("seconds")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1


def test_broken_runs_are_named(address, look):
    page = ready(look, address)
    expect(page.locator("#tl-problems")).to_contain_text("killed: Run")
    expect(page.locator("#tl-problems")).to_contain_text("has not finished")


def test_verdicts_with_learning_curves(address, look):
    page = ready(look, address)
    told = page.locator("#tl-verdicts")
    expect(told).to_contain_text("Positive transfer: +7.0 points")
    expect(told).to_contain_text("<b>Few</b> seeds.")
    assert told.locator("polyline").count() == 2
    page.get_by_label("strong", exact=True).uncheck()
    expect(told).to_contain_text("tlzoo verdict")


def test_confusion_of_a_run(address, look, folder):
    page = ready(look, address)
    page.get_by_role("tab", name="Confusion").click()
    (run,) = Runs([folder]).chosen(["strong"])
    cells = page.locator("#tl-confusion td:not(:first-child)").all_inner_texts()
    page.locator("#tl-confusion table").wait_for()
    cells = [text for text in page.locator("#tl-confusion tbody td").all_inner_texts() if text]
    assert [int(cell) for cell in cells] == [count for row in run.confusion for count in row]


@pytest.mark.slow
def test_tensorboard_is_a_command_or_a_link(address, look, folder):
    page = ready(look, address)
    page.get_by_role("tab", name="TensorBoard").click()
    expect(page.locator("#tl-board")).to_contain_text(f"--logdir_spec weak:{folder / 'weak' / 'tensorboard'}")
    with served("compare", runs=(folder,), tensorboard="http://127.0.0.1:6006/?a=<b>") as (url, _):
        page = ready(look, url)
        page.get_by_role("tab", name="TensorBoard").click()
        expect(page.locator("#tl-board a")).to_have_attribute("href", "http://127.0.0.1:6006/?a=<b>")


@pytest.mark.slow
def test_two_visitors_do_not_mix(address, look):
    one, two = ready(look, address), ready(look, address)
    one.get_by_label("weak").uncheck()
    expect(one.locator("#tl-table tbody tr")).to_have_count(2)
    assert len(order(two)) == 3


def test_new_runs_are_found_when_read_again(look, folder, tmp_path):
    for name in ("strong", "weak"):
        shutil.copytree(folder / name, tmp_path / name)
    with served("compare", runs=(tmp_path,)) as (url, _):
        page = ready(look, url)
        page.get_by_label("weak").uncheck()
        shutil.copytree(folder / "strong_again", tmp_path / "strong_again")
        shutil.rmtree(tmp_path / "weak")
        page.locator("#main").click()
        expect(page.get_by_label("strong_again")).to_be_checked()
        expect(page.get_by_label("weak")).to_have_count(0)
        expect(page.locator("#tl-table tbody tr")).to_have_count(2)


@pytest.mark.slow
def test_a_run_that_vanishes_is_told_as_a_sentence(look, folder, tmp_path):
    for name in ("strong", "weak"):
        shutil.copytree(folder / name, tmp_path / name)
    with served("compare", runs=(tmp_path,)) as (url, _):
        page = ready(look, url)
        shutil.rmtree(tmp_path / "weak")
        page.get_by_label("strong", exact=True).uncheck()
        expect(page.get_by_text("there is no such folder")).to_be_visible()


def test_nothing_to_show_is_refused_before_the_page(tmp_path):
    with pytest.raises(UsageError, match="not one run can be shown"):
        opened(Source(runs=(tmp_path,)))


def test_many_classes_are_told_by_their_commonest_confusions(tmp_path):
    names = tuple(f"class {at:02d}" for at in range(20))
    write_run(tmp_path / "many", Recipe(names=names, shares=(1 / 20,) * 20, n=800, skill=1.0))
    (run,) = Runs([tmp_path]).found.runs
    told = views.confusion(run)
    assert "it was called" in told
    assert told.count("<tr>") == views.MOST_PAIRS + 1


@pytest.mark.parametrize("curve", [None, "x", [1], [{"examples": "a"}], [{"examples": 3, "run": 0.5}]])
def test_verdicts_of_another_kind_never_break_the_page(folder, curve):
    from dataclasses import replace

    (run,) = Runs([folder]).chosen(["strong"])
    told = views.verdicts([replace(run, verdict={"sentence": "Neutral.", "curve": curve, "cautions": 3})])
    assert "Neutral." in told


def test_addresses_that_are_none_are_no_links(folder):
    runs = Runs([Path(folder)], "javascript:alert(1)")
    assert "href" not in views.board(runs.found.runs, runs.tensorboard)

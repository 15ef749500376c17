"""The zoo in a real browser: filters, points that are picked, cards, commands."""

import json
import re

import pytest
from playwright.sync_api import expect

from apps.zoo import cards
from apps.zoo.chart import Point, chart, front
from apps.zoo.shelf import Shelf, Wish
from tests.app_pages import DESK, PHONE, served
from tlzoo import registry

pytestmark = pytest.mark.slow

NAMES = "#tl-nets tbody .tl-pick"


@pytest.fixture(scope="module")
def address():
    with served("zoo") as (url, _):
        yield url


def names(page):
    return page.locator(NAMES).all_inner_texts()


def test_everything_is_there_at_once(address, look):
    page = look(address, DESK).open()
    assert len(names(page)) == len(registry.backbones())
    drawn = [card for card in registry.backbones() if card.pretraining.accuracy]
    assert page.locator("#tl-picture [data-pick]").count() == len(drawn)
    expect(page.locator("#tl-shown h2")).to_have_text("EfficientNet-Lite0")


def test_a_picked_point_shows_its_card(address, look):
    page = look(address, DESK).open()
    point = page.locator("#tl-picture [data-pick=resnet50]")
    assert "resnet50: 74.9 %, 23.6 M" in point.locator("title").text_content()
    point.click()
    shown = page.locator("#tl-shown")
    expect(shown.locator("h2")).to_have_text("ResNet-50")
    for words in ("keras-app:ResNet50", "MIT", "74.9 %", "conv4", "23,587,712", "He et al."):
        expect(shown).to_contain_text(words)
    expect(page.locator("#tl-picture .tl-chosen")).to_have_attribute("data-pick", "resnet50")
    expect(page.locator("#tl-code")).to_contain_text("tlzoo train photos/ --backbone resnet50")


def test_a_point_is_picked_by_keyboard(address, look):
    page = look(address, DESK).open()
    page.locator("#tl-picture [data-pick=vgg16]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#tl-shown h2")).to_have_text("VGG-16")


@pytest.mark.slow
def test_filters_combine_and_examples_set_them(address, look):
    page = look(address, DESK).open()
    page.get_by_role("button", name="Best below 10 M").click()
    expect(page.locator(NAMES).first).to_have_text("efficientnet_v2_b2")
    page.get_by_label("Words in the card").fill("mobilenet")
    page.locator("#main").click()
    expect(page.locator(NAMES).first).to_have_text("mobilenet_v3_large")
    assert all("mobilenet" in name for name in names(page))
    page.get_by_label("Words in the card").fill("no such thing")
    expect(page.locator("#tl-nets")).to_contain_text("No backbone fits")
    page.get_by_role("button", name="Everything").click()
    expect(page.locator(NAMES)).to_have_count(len(registry.backbones()))


def test_texts_have_no_accuracy_to_draw(address, look):
    page = look(address, PHONE).open()
    page.get_by_role("button", name="For texts").click()
    expect(page.locator("#tl-picture")).to_contain_text("None of these backbones has a published accuracy")
    page.get_by_role("button", name="minilm_l6", exact=True).click()
    expect(page.locator("#tl-shown")).to_contain_text("BertTokenizer")
    expect(page.locator("#tl-code")).to_contain_text("texts.csv")


def test_data_sets_have_pages_too(address, look):
    page = look(address, DESK).open()
    page.get_by_role("tab", name="Data sets").click()
    page.get_by_role("button", name="elpv", exact=True).click()
    expect(page.locator("#tl-shown")).to_contain_text("2,624")
    expect(page.locator("#tl-shown")).to_contain_text("functional")
    expect(page.locator("#tl-code")).to_contain_text("tlzoo train elpv")


@pytest.mark.slow
def test_two_visitors_do_not_mix(address, look):
    one, two = look(address, DESK).open(), look(address, DESK).open()
    one.get_by_role("button", name="For texts").click()
    expect(one.locator(NAMES).first).to_have_text("bert_tiny")
    one.get_by_role("button", name="bert_tiny", exact=True).click()
    expect(one.locator("#tl-shown")).to_contain_text("bert_tiny")
    two.locator("#tl-axis").get_by_label("time").click()
    assert len(names(two)) == len(registry.backbones())
    expect(two.locator("#tl-shown h2")).to_have_text("EfficientNet-Lite0")


@pytest.mark.slow
def test_time_on_this_machine_is_drawn_once_it_was_measured(look, tmp_path, monkeypatch):
    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path))
    for name, seconds in (("resnet50", 1.6), ("mobilenet_v2", 0.16)):
        folder = tmp_path / "engines" / f"{name}-0123456789abcdef"
        folder.mkdir(parents=True)
        facts = {"size": [224, 224], "examples": 16, "graph_seconds": seconds, "engine": "graph"}
        (folder / "choice.json").write_text(json.dumps(facts))
    with served("zoo") as (url, _):
        page = look(url, DESK).open()
        expect(page.locator("#tl-picture [data-pick]")).to_have_count(
            sum(card.pretraining.accuracy is not None for card in registry.backbones())
        )
        page.locator("#tl-axis").get_by_label("time on this machine").click()
        expect(page.locator("#tl-picture [data-pick]")).to_have_count(2)
        assert "100 ms" in page.locator("#tl-picture [data-pick=resnet50] title").text_content()


def test_the_front_holds_what_nothing_cheaper_beats():
    found = [
        Point("a", 1, 0.5, True),
        Point("b", 2, 0.4, True),
        Point("c", 2, 0.6, True),
        Point("d", 9, 0.6, True),
    ]
    assert [point.name for point in front(found)] == ["a", "c"]


def test_one_point_is_a_picture():
    shelf = Shelf()
    (entry,) = [each for each in shelf.entries("backbone") if each.card.name == "resnet50"]
    assert chart([entry], "parameters").count("data-pick") == 1


def test_words_from_cards_are_escaped():
    entry = Shelf().named("resnet50")
    card = type(entry.card)({**entry.card, "title": "<img src=x>", "notes": 'see https://a.example/b"><i>.'})
    told = cards.page(type(entry)("backbone", card, False))
    assert "<img" not in told
    assert "<i>" not in told
    assert re.search(r'<a href="https://a\.example/b[^"<> ]*" target', told)
    assert "tlzoo fetch resnet50" in cards.commands(type(entry)("backbone", card, False))


def test_wishes_name_what_they_want():
    shelf = Shelf()
    chosen = [entry.card for entry in shelf.find("backbone", Wish(family="resnet", most=30))]
    assert {card.family for card in chosen} == {"resnet"}
    assert max(card.params for card in chosen) <= 30e6
    assert [entry.card.name for entry in shelf.find("dataset", Wish(modality="text"))] == ["drug_reviews"]
    assert shelf.named("no_such_card") is None

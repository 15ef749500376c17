"""Every app keeps the same promises: it builds from its card, does nothing at import, and its page is sound."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.app_pages import (
    DESK,
    LEFT,
    PHONE,
    chromium,  # noqa: F401 - a fixture
    hanging_over,
    look,  # noqa: F401 - a fixture
    served,
    tabs_that_hang_over,
)
from tlzoo import registry
from tlzoo.workflows.apps import Source, check

pytestmark = [pytest.mark.slow, *(pytest.mark.filterwarnings(each) for each in LEFT)]
CARDS = registry.apps()
MODELS = {"sentiment": "talk", "inspect": "cells", "medical": "cells", "search": "cells", "compare": "cells"}
"""By app that needs a bundle: the fixture that gives one."""


def test_there_are_apps():
    assert "teach" in [card.name for card in CARDS]


@pytest.mark.parametrize("name", [card.name for card in CARDS])
def test_importing_an_app_does_nothing(name, tmp_path):
    """Neither TensorFlow nor a file, a thread or a port."""
    code = f"""
import sys, threading
sys.path.insert(0, {str(registry.paths.apps_dir().parent)!r})
from tlzoo.workflows.apps import load, quiet_gradio
quiet_gradio()
import gradio
before = threading.active_count()
module = load("{name}.app")
assert callable(module.build)
assert not {{"tensorflow", "keras"}} & set(sys.modules)
assert threading.active_count() == before
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_tells_data_licence_and_limits(card):
    assert card.data
    assert card.licence
    assert all(limit.endswith(".") for limit in card.limits)
    if card.needs_one:
        with pytest.raises(Exception, match="on nothing"):
            check(card, Source())


@pytest.fixture(scope="module", params=[card.name for card in CARDS])
def address(request):
    model = MODELS.get(request.param)
    trained = request.getfixturevalue(model) if model else None
    source = {"bundle": trained.bundle} if trained else {}
    if request.param == "search":
        source["data"] = str(trained.run.parent / "data")
    if request.param == "compare":
        source = {"runs": (trained.run,)}
    with served(request.param, **source) as (url, _):
        yield url


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_page_is_sound(address, look, size):  # noqa: F811
    page = look(address, size).open()
    wide = hanging_over(page)
    assert wide <= 1, f"{wide} pixels hang over the edge"
    card = page.locator("#tl-card .tl-card")
    assert card.count() == 1
    card.locator("summary").click()
    assert "Limits" in card.inner_text()


def test_no_tab_is_wider_than_a_phone_and_none_hides_behind_a_menu(address, look):  # noqa: F811
    page = look(address, PHONE).open()
    wide, _ = tabs_that_hang_over(page)
    assert wide == {}
    assert not any(menu.is_visible() for menu in page.get_by_label("More tabs").all())


def test_the_main_button_is_reached_by_keyboard(address, look):  # noqa: F811
    page = look(address).open()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.closest('#main') !== null"):
            break
    else:
        pytest.fail("60 times Tab, and the main button was not reached")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_examples_are_there_to_be_clicked(address, look):  # noqa: F811
    page = look(address).open()
    assert page.locator(".tl-examples, .tl-examples button").count() > 0

"""What tests of apps share: a served page, and a real browser that looks at it."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gc
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import pytest

from tlzoo.workflows.apps import Launch, Source, quiet_gradio

quiet_gradio()

NEEDED = bool(os.environ.get("TLZOO_TESTS_NEED_INDEX"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TEMPORARY = tempfile.gettempdir()
PHONE, DESK = (390, 844), (1280, 900)
LEFT = (
    "ignore:unclosed event loop <_UnixSelectorEventLoop:ResourceWarning",
    "ignore:unclosed <socket.socket fd=[0-9]+, family=1, type=1:ResourceWarning",
)
"""What Gradio and Playwright leave to the garbage collector: event loops, and the sockets that wake them."""


def sweep():
    """Closes and collects now what they left, so that no other test meets it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(RuntimeError):  # there is none, or it runs
            asyncio.get_event_loop().close()
            asyncio.set_event_loop(None)
        gc.collect()


@contextlib.contextmanager
def served(name, **source):
    """Serves an app of the tree as `tlzoo app` would; gives its address and the temporary folder."""
    import importlib

    from apps.common.predictor import open_predictor
    from apps.common.serve import serve, temporary_folder

    module = importlib.import_module(f"apps.{name}.app")
    opened = getattr(module, "open_source", open_predictor)(Source(**source))
    with temporary_folder() as folder, loops_closed():
        blocks = module.build(opened)
        try:
            yield serve(blocks, Launch(port=free_port())), folder
        finally:
            blocks.close(verbose=False)
            end = getattr(module, "end", None)
            if end:
                end()
            del blocks, opened
            sweep()


@contextlib.contextmanager
def loops_closed():
    """Closes the event loops that Gradio makes for its locks, and forgets, where no browser's loop runs yet."""
    import asyncio

    made, make = [], asyncio.new_event_loop

    def noted():
        made.append(make())
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", noted)
        yield
    for loop in made:
        if not loop.is_running():
            loop.close()
    if made:
        asyncio.set_event_loop(None)


def free_port():
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def chromium():
    """A browser; its absence fails where everything must be there, and skips elsewhere.

    Closed with its module: while Playwright is there, its event loop is the one that runs in this thread, and tests
    that run one of their own would fail.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if CHROMIUM is None or sync_playwright is None:
        missing = "no Chromium (Debian: apt-get install chromium)" if CHROMIUM is None else "no playwright"
        (pytest.fail if NEEDED else pytest.skip)(missing)
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            # Its profile must not be made where an app that is served already keeps what visitors sent.
            patch.setenv("TMPDIR", TEMPORARY)
            playwright = stack.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
    sweep()


class Look:
    """A page, and what its console said and which hosts it asked."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.complaints, self.strangers = [], []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)

    def _asked(self, request):
        if request.url.startswith(("http", "ws")) and not request.url.startswith(self.address.rstrip("/")):
            self.strangers.append(request.url)

    def open(self, selector="#main"):
        self.page.goto(self.address)
        self.page.locator(selector).wait_for(state="visible", timeout=30_000)
        return self.page


def hanging_over(page):
    """Pixels by which a page is wider than its window, once it has settled."""
    page.wait_for_timeout(200)
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def tabs_that_hang_over(page):
    """Opens each tab in turn; returns those wider than the window, by name, and how many tabs there were."""
    found, tabs = {}, [tab for tab in page.get_by_role("tab").all() if tab.is_visible()]
    for tab in tabs:
        tab.click()
        if (pixels := hanging_over(page)) > 1:
            found[tab.inner_text()] = pixels
    return found, len(tabs)


def downloaded(page, selector):
    """Clicks a button that downloads a CSV file; returns its rows."""
    with page.expect_download() as got:
        page.locator(selector).click()
    with got.value.path().open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def look(chromium):
    """Opens pages: `look(address, size)` gives a `Look`; afterwards none may have complained or gone elsewhere."""
    contexts, seen = [], []

    def make(address, size=DESK, **options):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        seen.append(Look(context.new_page(), address))
        return seen[-1]

    yield make
    complaints = [each.complaints for each in seen]
    strangers = [each.strangers for each in seen]
    for context in contexts:
        context.close()
    assert not any(complaints), complaints
    assert not any(strangers), strangers


@pytest.fixture
def picture(tmp_path):
    """Makes PNG files of one colour with some noise: `picture("a.png", (200, 30, 30))`."""

    def make(name, colour=(128, 128, 128), seed=0, side=48) -> Path:
        import numpy as np
        from PIL import Image

        noise = np.random.default_rng(seed).integers(-30, 30, (side, side, 3))
        pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return path

    return make

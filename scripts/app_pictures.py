#!/usr/bin/env python3
"""Takes the pictures of the apps for the README: serves each, uses it as a visitor would, and photographs it.

scripts/app_pictures.py teach      docs/app_teach.png, and docs/app_teach_phone.png
scripts/app_pictures.py teach_verdict  the same app, asked whether transfer helped: ten minutes
scripts/app_pictures.py sentiment  a bundle that is missing is trained first
scripts/app_pictures.py compare    docs/app_compare.png, of the runs in runs/elpv
Needs Chromium (Debian: chromium) and what `pip install 'tlzoo[dev]'` brings.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app_bundles import bundle

ROOT = Path(__file__).resolve().parent.parent
DESK, PHONE = {"width": 1180, "height": 900}, {"width": 390, "height": 844}


def teach(page: Any) -> None:
    """Solar cells if they are at hand, else digits: trained, one tried, and why."""
    _taught(page)
    page.locator("#tries button").first.click()
    page.locator("#answer .tl-said").wait_for(timeout=30_000)
    page.locator("#why").click()
    page.locator("#heat img").wait_for(timeout=30_000)


def teach_verdict(page: Any) -> None:
    """The same, and whether what the network had learned before helped."""
    _taught(page)
    page.get_by_role("tab", name="Did transfer help?").click()
    minutes = page.locator("#verdict-minutes input[type=number]")
    minutes.fill("9")
    minutes.press("Enter")
    page.locator("#verdict").click()
    page.locator("#verdict-state .tl-word").wait_for(timeout=900_000)


def _taught(page: Any) -> None:
    cells = page.get_by_role("button", name="Solar cells")
    (cells if cells.count() else page.get_by_role("button", name="Handwritten digits")).click()
    page.locator("#pictures-3 img").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1000)
    page.locator("#main").click()
    page.get_by_text("report and all").wait_for(timeout=180_000)


def sentiment(page: Any) -> None:
    """A text of mixed feelings, and its words."""
    page.locator(".tl-examples button").filter(has_text="At first I was afraid").click()
    page.wait_for_timeout(500)
    page.locator("#main").click()
    page.locator("#tl-words .tl-words").wait_for(timeout=60_000)


def inspect(page: Any) -> None:
    """A broken cell, and where."""
    page.locator(".tl-examples button").nth(1).click()
    page.locator("#tl-picture img").wait_for(timeout=30_000)
    _asked_and_shown(page)


def medical(page: Any) -> None:
    """A slice of a liver, which the model is to tell from CT and ultrasound."""
    page.get_by_role("button", name="MRI slice").click()
    page.locator("#tl-shown img").wait_for(timeout=30_000)
    _asked_and_shown(page)


def _asked_and_shown(page: Any) -> None:
    page.locator("#main").click()
    page.locator("#tl-answer .tl-said").wait_for(timeout=60_000)
    page.locator("#tl-where").click()
    page.locator("#tl-why img").wait_for(timeout=60_000)


def zoo(page: Any) -> None:
    """The card of a network that nothing cheaper beats."""
    page.locator("#tl-picture [data-pick=efficientnet_v2_b0]").click()
    page.get_by_text("EfficientNetV2").first.wait_for()


def search(page: Any) -> None:
    """Solar cells that are like one with a dark corner."""
    page.locator(".tl-example").nth(1).click(timeout=120_000)
    page.locator(".tl-hit").first.wait_for()


def compare(page: Any) -> None:
    """As it opens: who wins, curves, and the confusion of the first."""
    page.locator("#tl-table tbody tr").first.wait_for(timeout=60_000)
    page.get_by_role("tab", name="Confusion").click()
    page.locator("#tl-confusion table").wait_for()


STEPS: dict[str, tuple[tuple[str, ...], Callable[[Any], None]]] = {
    "teach": ((), teach),
    "teach_verdict": ((), teach_verdict),
    "sentiment": (("--bundle", "drug_reviews"), sentiment),
    "inspect": (("--bundle", "elpv"), inspect),
    "medical": (("--bundle", "modalities"), medical),
    "zoo": ((), zoo),
    "search": (("--data", "elpv"), search),
    "compare": (("--runs", "runs/elpv"), compare),
}
"""By app, and what of it: further words of `tlzoo app NAME`, and what is done before the pictures are taken.

A bundle is named as `app_bundles.py` makes it.
"""


def shoot(name: str, port: int = 7897) -> None:
    """Takes the pictures of one use of an app: wide by day, and narrow by night."""
    from playwright.sync_api import sync_playwright

    words, use = STEPS[name]
    if "--bundle" in words:
        words = ("--bundle", bundle(words[1]))
    command = [sys.executable, "-m", "tlzoo", "app", name.split("_")[0], "--port", str(port), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app, sync_playwright() as playwright:
        try:
            assert app.stdout is not None  # a pipe was asked for
            address = next(line for line in app.stdout if "http" in line).split()[-4]
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport=DESK)
            page.goto(address)
            page.locator("#main").wait_for(timeout=60_000)
            use(page)
            page.mouse.move(0, 0)
            page.evaluate("document.activeElement?.blur()")
            for size, scheme, suffix in ((DESK, "light", ""), (PHONE, "dark", "_phone")):
                page.set_viewport_size(size)
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(1000)
                page.screenshot(path=ROOT / "docs" / f"app_{name}{suffix}.png", full_page=True)
            browser.close()
        finally:
            app.terminate()


if __name__ == "__main__":
    for each in sys.argv[1:] or STEPS:
        shoot(each)

"""How soon each app is seen, and what it adds to a prediction of the bare model.

Every app is started by `tlzoo app NAME` in a process of its own and driven through a real browser. Of each: the seconds
from the line that says it is ready until its main button is seen; and of those that answer, the median seconds from the
page's request to the answer in the page, beside the same call on the same items without a page: a bundle of
EfficientNet-Lite0 on solar cells (inspect, medical), of MiniLM on drug reviews (sentiment), the index of 400 cells by
that bundle's features (search), and what teach has just trained. Models are trained once, and stay in the temporary
folder of this machine.

    python benchmarks/apps.py [NAME ...]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from app_page import App, median_call
from common import finish
from teach_app import NAMES, WARM, Teach, cells

PAINT, OVERHEAD = 2.5, 0.060
"""Seconds: what is promised of the first paint, and of what a page adds to a prediction."""
ASKED = 12
"""Answers that count; three more before them warm up."""
FOLDER = Path(tempfile.gettempdir()) / "tlzoo-benchmark-apps"


class Material:
    """Models and items, made where they are missing.

    Args:
        folder: Where they stay.

    Attributes:
        learn: Solar cells by class, 15 each.
        judge: 100 others of each class.
        cells: Some of those, one after the other.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.learn, self.judge = folder / "learn", folder / "judge"
        if not self.judge.is_dir():
            cells(folder)
        self.cells = sorted(path for name in NAMES for path in (self.judge / name).iterdir())[:: 100 // 4]
        self.cells = (self.cells * 2)[: ASKED + 3]

    def run(self, data: str, backbone: str) -> Path:
        """Returns a run of `feature_extraction`."""
        run = self.folder / f"run_{data}"
        if not (run / "report.html").is_file():
            words = ["--backbone", backbone, "--recipe", "feature_extraction", "--out", str(run)]
            command("train", data, *words)
        return run

    def bundle(self, data: str, backbone: str) -> Path:
        """Returns the bundle of such a run."""
        bundle = self.folder / f"model_{data}"
        if not bundle.is_dir():
            command("export", str(self.run(data, backbone)), str(bundle))
        return bundle

    def elpv(self) -> Path:
        """Returns the bundle that knows solar cells."""
        return self.bundle("elpv", "efficientnet_lite0")

    def reviews(self) -> Path:
        """Returns the bundle that knows drug reviews."""
        return self.bundle("drug_reviews", "minilm_l6")

    def texts(self) -> list[str]:
        """Returns reviews of 100 to 300 characters."""
        import tlzoo

        items = [text for text in tlzoo.load("drug_reviews").items if 100 <= len(text) <= 300]
        return items[: ASKED + 3]


def command(*words: str) -> None:
    """Does what the command line does."""
    subprocess.run([sys.executable, "-m", "tlzoo", *words, "-q"], check=True, stdout=subprocess.DEVNULL)


class Measured:
    """What was found of one app.

    Attributes:
        start: Seconds until it said that it is ready.
        paint: Seconds from there to the main button.
        answers: Seconds of each answer in the page.
        alone: Makes the median seconds of the same call without a page, once the app has ended.
    """

    def __init__(self, app: App) -> None:
        self.start, self.paint = app.start, app.first_paint()
        self.answers: list[float] = []
        self.alone: Callable[[], float] | None = None


def asked(app: App, file: Path, shown: str, said: str) -> float:
    """Uploads a picture, presses the main button, takes the picture away; returns the seconds of the answer."""
    app.page.locator("#tl-picture input[type=file]").set_input_files(file)
    app.page.locator("#tl-picture img").wait_for()
    seconds = app.answer(app.page.locator("#main").click, shown, said)
    app.page.locator("#tl-picture").get_by_label("Remove Image").click()
    return seconds


def inspect(playwright: Any, material: Material) -> Measured:
    """Uploads a cell, presses Inspect."""
    with App(playwright, "inspect", "--bundle", str(material.elpv())) as app:
        found, page = Measured(app), app.page
        for file in material.cells:
            found.answers.append(asked(app, file, "#tl-answer", ".tl-said"))
            page.locator("#tl-answer .tl-said").wait_for(state="detached")
    found.alone = partial(of_bundle, material.elpv(), material.cells)
    return found


def medical(playwright: Any, material: Material) -> Measured:
    """Uploads a cell as if it were an X-ray, asks the model."""
    with App(playwright, "medical", "--bundle", str(material.elpv())) as app:
        found, page = Measured(app), app.page
        for file in material.cells:
            page.locator("#tl-upload input[type=file]").set_input_files(file)
            page.locator("#tl-answer .tl-said").wait_for(state="detached")
            page.locator("#tl-shown img").wait_for()
            page.wait_for_timeout(
                300
            )  # what was asked of the picture before is forgotten by an event of its own
            found.answers.append(app.answer(page.locator("#main").click, "#tl-answer", ".tl-said"))
    found.alone = partial(of_bundle, material.elpv(), [pixels(file) for file in material.cells])
    return found


def sentiment(playwright: Any, material: Material) -> Measured:
    """Pastes a review, presses Judge; the words that decide are not waited for."""
    texts = material.texts()
    with App(playwright, "sentiment", "--bundle", str(material.reviews())) as app:
        found, page = Measured(app), app.page
        for text in texts:
            page.get_by_label("Text", exact=True).fill(text)
            found.answers.append(app.answer(page.locator("#main").click, "#tl-answer", ".tl-said"))
            page.locator("#tl-stop").click()
            page.locator("#tl-stop[disabled]").wait_for()
    found.alone = partial(of_bundle, material.reviews(), texts)
    return found


def search(playwright: Any, material: Material) -> Measured:
    """Uploads a cell, presses Search."""
    words = ["--data", str(material.judge), "--bundle", str(material.elpv())]
    with App(playwright, "search", *words) as app:
        found, page = Measured(app), app.page
        page.locator(".tl-example").first.wait_for(timeout=120_000)
        for file in material.cells:
            found.answers.append(asked(app, file, "#tl-found", ".tl-hit"))
            page.locator("#tl-picture input[type=file]").wait_for(state="attached")
    found.alone = partial(of_index, material)
    return found


def teach(playwright: Any, material: Material) -> Measured:
    """Teaches four classes of cells, then tries the model with others."""
    taken = material.folder / "taken"
    shutil.rmtree(taken, ignore_errors=True)
    taken.mkdir()
    with Teach(playwright) as app:
        found, begun = Measured(app), time.perf_counter()
        app.show(material.learn)
        app.train()
        bundle = app.bundle(taken)
        time.sleep(max(0.0, WARM - (time.perf_counter() - begun)))
        found.answers = app.answers(material.cells)
    found.alone = partial(of_bundle, bundle, material.cells)
    return found


def compare(playwright: Any, material: Material) -> Measured:
    """Two runs of different data."""
    runs = [
        str(material.run("elpv", "efficientnet_lite0")),
        str(material.run("drug_reviews", "minilm_l6")),
    ]
    with App(playwright, "compare", "--runs", *runs) as app:
        return Measured(app)


def zoo(playwright: Any, material: Material) -> Measured:
    """All cards."""
    with App(playwright, "zoo") as app:
        return Measured(app)


APPS = {each.__name__: each for each in (inspect, medical, sentiment, search, compare, zoo, teach)}


def of_bundle(bundle: Path, items: list[Any]) -> float:
    """Median seconds of a prediction by a bundle alone."""
    import tlzoo

    loaded = tlzoo.load_bundle(bundle)
    return median_call(lambda item: loaded.predict([item]), items)


def of_index(material: Material) -> float:
    """Median seconds of a search without a page."""
    import tlzoo

    index = tlzoo.search_index(material.judge, bundle=material.elpv()).build()
    return median_call(lambda file: index.search(file, 12), material.cells)


def pixels(file: Path) -> Any:
    """Returns a picture as medical asks about it: uint8 (h, w, 3)."""
    import numpy as np
    from PIL import Image

    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="apps (default: all)")
    names = parser.parse_args().names or list(APPS)
    from playwright.sync_api import sync_playwright

    material, paints, overheads = Material(FOLDER), {}, {}
    print(f"{'app':10} {'start':>6} {'first paint':>12} {'in the page':>12} {'alone':>8} {'overhead':>9}")
    with sync_playwright() as playwright:
        for name in names:
            one = APPS[name](playwright, material)
            paints[name] = round(one.paint, 2)
            line = f"{name:10} {one.start:4.1f} s {one.paint:10.2f} s"
            if one.alone is not None:
                shown, alone = statistics.median(one.answers[3:]), one.alone()
                overheads[name] = round(shown - alone, 3)
                line += f" {1000 * shown:9.0f} ms {1000 * alone:5.0f} ms {1000 * overheads[name]:6.0f} ms"
            print(line, flush=True)
    met = max(paints.values()) <= PAINT and max(overheads.values(), default=0.0) <= OVERHEAD
    finish(paint=paints, overhead=overheads, met=met)


if __name__ == "__main__":
    main()

"""How long the app `teach` takes from Train to a model that answers, and what that model is worth.

Drives the app through a real browser: 4 classes x 15 solar cells (ELPV: mono or poly, functional or defective) are
uploaded, and Train is pressed again and again. Weights are at hand and the engine is measured; features are computed
anew each time. Prints the seconds until the model can be tried, its accuracy on 400 cells nobody trained on beside that
of `tlzoo train` on the same pictures, the first paint after the app said that it is ready, and what the app adds to a
prediction of the bare bundle.

    python benchmarks/teach_app.py [--times 5]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("mono functional", "mono defective", "poly functional", "poly defective")
EACH, JUDGED = 15, 100
WARM = 45
"""Seconds after which the app has surely loaded what it loads in the background."""
WATCH = """() => {
  window.answered = 0; window.asked = 0;
  const box = document.querySelector('#answer');
  new MutationObserver((changes, observer) => {
    if (!box.querySelector('.tl-said')) return;
    const asked = performance.getEntriesByType('resource').filter(one => /queue.join|run.predict/.test(one.name));
    window.asked = asked[asked.length - 1].startTime; window.answered = performance.now(); observer.disconnect();
  }).observe(box, {childList: true, subtree: true, characterData: true});
}"""
"""Notes when the page asked last, and when the answer stood in it."""


def cells(folder: Path) -> tuple[Path, Path]:
    """Writes 15 cells a class to learn from, and 100 a class to judge by."""
    import tlzoo

    learn, judge = folder / "learn", folder / "judge"
    for part in ("mono", "poly"):
        data = tlzoo.load(f"elpv:{part}")
        for kind, name in enumerate(data.class_names):
            files = [item for item, label in zip(data.items, data.labels, strict=True) if label == kind]
            random.Random(0).shuffle(files)
            for where, chosen in ((learn, files[:EACH]), (judge, files[EACH : EACH + JUDGED])):
                (where / f"{part} {name}").mkdir(parents=True)
                for file in chosen:
                    shutil.copy(file, where / f"{part} {name}")
    return learn, judge


class App:
    """`tlzoo app teach` in a process of its own, and a browser that looks at it."""

    def __init__(self, playwright, port: int) -> None:
        command = [sys.executable, "-m", "tlzoo", "app", "teach", "--port", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.address = next(line for line in self.process.stdout if "http" in line).split()[-4]
        self.browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )

    def first_paint(self) -> float:
        """Seconds from the address to the first contentful paint, and to the main button (the later of the two)."""
        self.page = self.browser.new_page(viewport={"width": 1280, "height": 900})
        start = time.perf_counter()
        self.page.goto(self.address, wait_until="commit")
        self.page.locator("#main").wait_for(state="visible", timeout=60_000)
        return time.perf_counter() - start

    def show(self, learn: Path) -> None:
        """Uploads the pictures of each class."""
        for _ in NAMES[2:]:
            self.page.get_by_role("button", name="Add a class").first.click()
        for number, name in enumerate(NAMES):
            self.page.get_by_label(f"Name of class {number + 1}").first.fill(name)
            files = sorted((learn / name).iterdir())
            self.page.locator(f"#pictures-{number} input[type=file]").first.set_input_files(files)
            self.page.locator(f"#pictures-{number} img").nth(EACH - 1).wait_for(
                state="attached", timeout=60_000
            )

    def train(self) -> float:
        """Presses Train; seconds until the model can be tried."""
        start = time.perf_counter()
        self.page.locator("#main").click()
        ready = (
            self.page.locator("#state")
            .get_by_text("Ready to try")
            .or_(self.page.get_by_text("report and all"))
        )
        self.page.locator("#state progress").wait_for(
            timeout=60_000
        )  # what is said of the time before is gone
        ready.first.wait_for(timeout=120_000)
        seconds = time.perf_counter() - start
        self.page.get_by_text("report and all").wait_for(timeout=120_000)
        return seconds

    def bundle(self, folder: Path) -> Path:
        """Takes the SavedModel away, as a visitor would."""
        import zipfile

        self.page.get_by_role("tab", name="Take it away").click()
        self.page.locator("#take-savedmodel").click()
        self.page.get_by_text(".zip is ready").wait_for(timeout=120_000)
        with self.page.expect_download() as taking:
            self.page.locator("#taken a[download]").first.click()
        taking.value.save_as(folder / "taken.zip")
        zipfile.ZipFile(folder / "taken.zip").extractall(folder)
        return folder / "model"

    def answers(self, files: list[Path]) -> list[float]:
        """Seconds of each prediction: from the page's request to the answer in the page, uploads left out."""
        self.page.get_by_role("tab", name="Try it").click()
        found = []
        for file in files:
            self.page.evaluate(WATCH)
            self.page.locator("#try-picture input[type=file]").set_input_files(file)
            self.page.wait_for_function("window.answered > 0", timeout=30_000)
            found.append(float(self.page.evaluate("window.answered - window.asked")) / 1000)
            self.page.evaluate(WATCH)
            self.page.locator("#try-picture button:not([role=tab])").first.click()  # the cross takes it away
            self.page.locator("#answer .tl-said").wait_for(state="detached", timeout=30_000)
        return found

    def end(self) -> None:
        """Ends both."""
        self.browser.close()
        self.process.terminate()
        self.process.wait(30)


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def bare(files: list[Path], bundle: Path) -> float:
    """Median seconds of a prediction by the bundle alone."""
    import tlzoo

    loaded = tlzoo.load_bundle(bundle)
    loaded.predict(files[:3])
    found = []
    for file in files:
        start = time.perf_counter()
        loaded.predict([file])
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def judged(bundle: Path, judge: Path) -> float:
    """Accuracy of a bundle on a folder of pictures by class."""
    import tlzoo

    loaded, right, total = tlzoo.load_bundle(bundle), 0, 0
    for name in NAMES:
        said = loaded.predict([judge / name])
        right += sum(each.label == name for each in said)
        total += len(said)
    return right / total


def by_command(learn: Path, folder: Path) -> Path:
    """Trains and exports by the command line; returns the bundle."""
    run, bundle = folder / "cli", folder / "cli_model"
    for words in (["train", str(learn), "--out", str(run)], ["export", str(run), str(bundle)]):
        subprocess.run([sys.executable, "-m", "tlzoo", *words, "-q"], check=True, stdout=subprocess.DEVNULL)
    return bundle


def forget_features() -> None:
    """Removes what was computed of pictures, so that every press computes it anew."""
    from tlzoo import paths

    shutil.rmtree(paths.cache_dir() / "features", ignore_errors=True)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--times", type=int, default=5, help="how often Train is pressed (default: %(default)s)"
    )
    times = parser.parse_args().times
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        cache(folder / "cache")
        learn, judge = cells(folder)
        app = App(playwright, free_port())
        try:
            paint = app.first_paint()
            app.show(learn)
            time.sleep(WARM)
            seconds = []
            for _ in range(times):
                forget_features()
                seconds.append(app.train())
            bundle = app.bundle(folder)
            files = sorted(path for name in NAMES for path in (judge / name).iterdir())[:40:2]
            answers = statistics.median(app.answers(files))
        finally:
            app.end()
        alone = bare(files, bundle)
        ours, theirs = judged(bundle, judge), judged(by_command(learn, folder), judge)
    shown = ", ".join(f"{each:.1f}" for each in seconds)
    print(f"Train to a model that answers: {statistics.median(seconds):.1f} s (median of {shown})")
    print(f"accuracy on 400 new cells:     {100 * ours:.1f} %, by the command line {100 * theirs:.1f} %")
    print(f"first paint after ready:       {paint:.2f} s")
    print(
        f"prediction:                    {1000 * answers:.0f} ms in the page, {1000 * alone:.0f} ms by the bundle,"
    )
    print(f"                               overhead {1000 * (answers - alone):.0f} ms")


def cache(folder: Path) -> None:
    """Makes a cache of this benchmark's own that shares weights and measured engines with the user's."""
    from tlzoo import paths

    user = paths.cache_dir()
    folder.mkdir()
    for name in ("packages", "engines"):
        (user / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(user / name)
    os.environ["TLZOO_CACHE"] = str(folder)


if __name__ == "__main__":
    main()

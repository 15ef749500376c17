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
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from app_page import App, median_call

NAMES = ("mono functional", "mono defective", "poly functional", "poly defective")
EACH, JUDGED = 15, 100
WARM = 45
"""Seconds after which the app has surely loaded what it loads in the background."""


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


class Teach(App):
    """`tlzoo app teach`, used as a visitor would.

    Args:
        playwright: Started.
    """

    def __init__(self, playwright) -> None:
        super().__init__(playwright, "teach")

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
        field = self.page.locator("#try-picture")
        found = []
        for file in files:
            upload = partial(field.locator("input[type=file]").set_input_files, file)
            found.append(self.answer(upload, "#answer", ".tl-said"))
            field.locator("button:not([role=tab])").first.click()  # the cross takes it away
            self.page.locator("#answer .tl-said").wait_for(state="detached", timeout=30_000)
        return found


def bare(files: list[Path], bundle: Path) -> float:
    """Median seconds of a prediction by the bundle alone."""
    import tlzoo

    loaded = tlzoo.load_bundle(bundle)
    return median_call(lambda file: loaded.predict([file]), [*files[:3], *files])


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
        with Teach(playwright) as app:
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

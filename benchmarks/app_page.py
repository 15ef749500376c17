"""What benchmarks of apps share: an app that runs as a user would start it, and a browser that looks at it."""

from __future__ import annotations

import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

ARM = """([box, said]) => {
  const place = document.querySelector(box);
  place.querySelectorAll(said).forEach(old => old.setAttribute('data-old', ''));
  performance.clearResourceTimings();  // the browser keeps the first 250 and no more
  window.answered = 0;
  new MutationObserver((changes, observer) => {
    if (!place.querySelector(`${said}:not([data-old])`)) return;
    window.answered = performance.now(); observer.disconnect();
  }).observe(place, {childList: true, subtree: true, characterData: true});
}"""
"""Notes when the next answer stands in the page."""
TAKEN = """() => {
  const asked = performance.getEntriesByType('resource').filter(
    one => /queue.join|run.predict/.test(one.name) && one.startTime <= window.answered);
  return (window.answered - asked[asked.length - 1].startTime) / 1000;
}"""
"""Seconds from the page's last request to its answer."""


class App:
    """`tlzoo app NAME` in a process of its own, and a browser that looks at it.

    Args:
        playwright: Started.
        name: Of the app.
        *words: Further words of the command line.

    Attributes:
        start: Seconds until the process said that it is ready.
        page: What the browser shows, once `first_paint` was asked for.
    """

    def __init__(self, playwright: Any, name: str, *words: str) -> None:
        command = [sys.executable, "-m", "tlzoo", "app", name, "--port", str(free_port()), *words]
        started = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.address = next(line for line in self.process.stdout if "http" in line).split()[-4]
        self.start = time.perf_counter() - started
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

    def answer(self, act: Callable[[], None], box: str, said: str) -> float:
        """Seconds of one answer: from the page's request until it stands in the page, uploads left out.

        Args:
            act: What a visitor does to ask.
            box: Where answers appear, as CSS selects it.
            said: What an answer is made of, inside of that.
        """
        self.page.evaluate(ARM, [box, said])
        act()
        self.page.wait_for_function("window.answered > 0", timeout=30_000)
        return float(self.page.evaluate(TAKEN))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Ends both."""
        self.browser.close()
        self.process.terminate()
        self.process.wait(30)


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def median_call(call: Callable[[Any], Any], items: Iterable[Any]) -> float:
    """Median seconds of a call on one item after the other; the first three only warm it up."""
    found = []
    for item in items:
        start = time.perf_counter()
        call(item)
        found.append(time.perf_counter() - start)
    return statistics.median(found[3:])

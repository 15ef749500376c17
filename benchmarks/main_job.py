"""The main job as whole processes: train with an empty cache, train again with cached features, export."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import finish


def main() -> None:
    """Prints the seconds of each, counted from process start; weights and data are fetched already."""
    from tlzoo import paths

    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch) / "cache"
        cache.mkdir()
        (cache / "packages").symlink_to(paths.cache_dir() / "packages")
        os.environ["TLZOO_CACHE"] = str(cache)
        steps = {
            "first": ("train", "elpv", "--out", f"{scratch}/first"),
            "second": ("train", "elpv", "--out", f"{scratch}/second"),
            "export": ("export", f"{scratch}/second", f"{scratch}/bundle"),
        }
        seconds = {}
        for name, words in steps.items():
            start = time.perf_counter()
            command = [sys.executable, "-m", "tlzoo", *words, "--quiet"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seconds[name] = time.perf_counter() - start
            print(f"{name}: {seconds[name]:.1f} s", flush=True)
    finish(**seconds)


if __name__ == "__main__":
    main()

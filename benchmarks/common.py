"""What the benchmarks share."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parent.parent


def best_of(times: int, call: Callable[[], object]) -> float:
    """Returns the least seconds of several calls, after one to warm up."""
    call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def median_process(times: int, *arguments: str) -> float:
    """Returns the median seconds of whole processes `python ARGUMENTS`."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def finish(**figures: object) -> None:
    """Prints the closing line of JSON."""
    print(
        json.dumps(
            {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
        )
    )

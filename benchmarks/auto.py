"""`auto` with a budget, against the recipe that people chose by hand: accuracy on the test split, and what it took.

    python benchmarks/auto.py elpv 3
    python benchmarks/auto.py drug_reviews 0
    python benchmarks/auto.py elpv 5 --again

By hand: the best recipe of each data set as README has it (`benchmarks/elpv.py`, `benchmarks/drug_reviews.py`), trained
here with the same seeds. Where `auto` ends with the very plan of that recipe, training it once more gives the same
bits, and is done only if asked for (`--again`).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from common import finish

BUDGET = 600.0

BY_HAND: dict[str, dict[str, Any]] = {
    "elpv": {"recipe": "fine_tune"},
    "drug_reviews": {"recipe": "fine_tune", "class_weights": "sqrt"},
}
SEEDS = {"elpv": [3, 4, 5], "drug_reviews": [0, 1, 2]}


def main() -> None:
    """Prints what `auto` decided on each seed, its accuracy and its seconds, beside those by hand."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", default="elpv", choices=list(BY_HAND))
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--again", action="store_true", help="train by hand even where the plan is the same")
    asked = parser.parse_args()
    folder, rows = Path(tempfile.mkdtemp(prefix="tlzoo-auto-")), []
    for seed in asked.seeds or SEEDS[asked.data]:
        rows.append(outcome(asked.data, seed, folder, asked.again))
        print(
            f"seed {seed}: accuracy {rows[-1]['auto']:.4f} by {rows[-1]['chosen']}, {rows[-1]['seconds']:.0f} s; by "
            f"hand {rows[-1]['by_hand']:.4f}{', the same plan' if rows[-1]['same_plan'] else ''}",
            flush=True,
        )
    auto, by_hand = (statistics.mean(row[name] for row in rows) for name in ("auto", "by_hand"))
    print(
        f"auto: mean accuracy {auto:.4f}; {100 * (auto - by_hand):+.2f} points against {by_hand:.4f} by hand"
    )
    finish(data=asked.data, auto=auto, by_hand=by_hand, rows=rows, runs=str(folder))


def outcome(data: str, seed: int, folder: Path, again: bool) -> dict[str, Any]:
    """Returns what both ways give on a seed."""
    import tlzoo

    start = time.perf_counter()
    run = tlzoo.train(data, recipe="auto", budget=BUDGET, seed=seed, out=folder / f"{data}-{seed}")
    seconds = time.perf_counter() - start
    for step in run.folder.choice["steps"]:
        print(f"  {step['at']:6.1f} s  {step['what']}: {step['why']}")
    same = run.folder.plan == tlzoo.plan(data, seed=seed, **BY_HAND[data])
    auto = by_hand = run.evaluate().accuracy
    if again or not same:
        hand = tlzoo.train(data, seed=seed, out=folder / f"{data}-{seed}-by-hand", **BY_HAND[data])
        by_hand = hand.evaluate().accuracy
    chosen = run.folder.plan.recipe
    return {
        "seed": seed,
        "auto": auto,
        "by_hand": by_hand,
        "same_plan": same,
        "chosen": chosen,
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()

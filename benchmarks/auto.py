"""`auto` with a budget, against recipes that people chose by hand: accuracy on the test split, and what it took.

    python benchmarks/auto.py elpv 3
    python benchmarks/auto.py drug_reviews 0

By hand: the best recipe of each data set as README has it (`benchmarks/elpv.py`, `benchmarks/drug_reviews.py`), with
the accuracies of the same seeds. Nothing is trained for them here.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import finish

BUDGET = 600.0

BY_HAND = {
    "elpv": {3: 0.892, 4: 0.875, 5: 0.887},
    "drug_reviews": {0: 0.7388, 1: 0.7282, 2: 0.7414},
}
"""Accuracies of `fine_tune`, in 17 to 24 and in 5 minutes a seed."""


def main() -> None:
    """Prints what `auto` decided on each seed, its accuracy and its seconds, and the means beside those by hand."""
    import tlzoo

    data = sys.argv[1] if len(sys.argv) > 1 else "elpv"
    seeds = [int(word) for word in sys.argv[2:]] or list(BY_HAND[data])
    folder, accuracies, seconds, chosen = Path(tempfile.mkdtemp(prefix="tlzoo-auto-")), [], [], []
    for seed in seeds:
        start = time.perf_counter()
        run = tlzoo.train(data, recipe="auto", budget=BUDGET, seed=seed, out=folder / f"{data}-{seed}")
        seconds.append(time.perf_counter() - start)
        accuracies.append(run.evaluate().accuracy)
        chosen.append(run.folder.plan.recipe)
        for step in run.folder.choice["steps"]:
            print(f"  {step['at']:6.1f} s  {step['what']}: {step['why']}")
        print(
            f"seed {seed}: accuracy {accuracies[-1]:.4f} by {chosen[-1]}, {seconds[-1]:.0f} s; "
            f"by hand {BY_HAND[data].get(seed, float('nan')):.4f}",
            flush=True,
        )
    mean, by_hand = statistics.mean(accuracies), statistics.mean(BY_HAND[data].values())
    same = [BY_HAND[data][seed] for seed in seeds if seed in BY_HAND[data]]
    print(
        f"auto: mean accuracy {mean:.4f}; {100 * (mean - by_hand):+.2f} points against {by_hand:.4f} by hand, all seeds"
    )
    if same:
        print(f"  against the same seeds by hand: {100 * (mean - statistics.mean(same)):+.2f} points")
    finish(
        data=data,
        accuracy=mean,
        accuracies=accuracies,
        by_hand=by_hand,
        seconds=statistics.mean(seconds),
        longest=max(seconds),
        chosen=chosen,
        runs=str(folder),
    )


if __name__ == "__main__":
    main()

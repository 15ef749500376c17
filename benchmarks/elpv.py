"""Recipes on the ELPV solar cells, stratified 75/25, mean over seeds.

    python benchmarks/elpv.py feature_extraction 0 1 2
    python benchmarks/elpv.py fine_tune 0 1 2

Published on a 75/25 split of the same pictures (Deitsch et al., Solar Energy 185, 2019): support vector machine on
hand-made features 82.44 %, fine-tuned VGG-19 88.42 %.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import finish

PUBLISHED = {"SVM on hand-made features": 0.8244, "fine-tuned VGG-19": 0.8842}


def main() -> None:
    """Prints accuracy and minutes of each seed, and the mean beside what was published."""
    import tlzoo

    recipe = sys.argv[1] if len(sys.argv) > 1 else "feature_extraction"
    seeds = [int(word) for word in sys.argv[2:]] or [0, 1, 2]
    accuracies, balanced, minutes, majority = [], [], [], 0.0
    folder = Path(tempfile.mkdtemp(prefix="tlzoo-elpv-"))
    for seed in seeds:
        start = time.perf_counter()
        run = tlzoo.train("elpv", recipe=recipe, seed=seed, out=folder / f"{recipe}-{seed}")
        minutes.append((time.perf_counter() - start) / 60)
        scores = run.evaluate()
        accuracies.append(scores.accuracy)
        balanced.append(scores.balanced_accuracy)
        majority = run.metrics["majority"]["accuracy"]
        print(
            f"seed {seed}: accuracy {scores.accuracy:.4f}, balanced {scores.balanced_accuracy:.4f}, "
            f"ECE {scores.ece:.3f}, {minutes[-1]:.1f} minutes",
            flush=True,
        )
    mean = statistics.mean(accuracies)
    print(f"{recipe}: mean accuracy {mean:.4f} over {len(seeds)} seeds; majority {majority:.4f}")
    for name, value in PUBLISHED.items():
        print(f"  {name}: {value:.4f}, published; ours is {100 * (mean - value):+.2f} points")
    finish(
        recipe=recipe,
        accuracy=mean,
        accuracies=accuracies,
        balanced_accuracy=statistics.mean(balanced),
        majority=majority,
        minutes=statistics.mean(minutes),
        runs=str(folder),
    )


if __name__ == "__main__":
    main()

"""Recipes on drug reviews (three classes, the authors' own test split), mean over seeds, beside simple baselines.

    python benchmarks/drug_reviews.py feature_extraction 0 1 2
    python benchmarks/drug_reviews.py fine_tune 0 1 2

Baselines are computed in the same run: logistic regression on the vectors of all-MiniLM-L6-v2, which are those of
sentence-transformers, and on TF-IDF, both trained on training and validation split together.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import finish

OPTIONS: dict[str, dict[str, Any]] = {"fine_tune": {"class_weights": "sqrt"}}
"""What differs from the defaults: a neutral review is one of eleven."""


def main() -> None:
    """Prints accuracy and macro F1 of each seed, their means, and the baselines."""
    import tlzoo

    recipe = sys.argv[1] if len(sys.argv) > 1 else "feature_extraction"
    seeds = [int(word) for word in sys.argv[2:]] or [0, 1, 2]
    data, folder = tlzoo.load("drug_reviews"), Path(tempfile.mkdtemp(prefix="tlzoo-reviews-"))
    accuracies, f1, minutes, run = [], [], [], None
    for seed in seeds:
        start = time.perf_counter()
        run = tlzoo.train(
            data, recipe=recipe, seed=seed, out=folder / f"{recipe}-{seed}", **OPTIONS.get(recipe, {})
        )
        minutes.append((time.perf_counter() - start) / 60)
        scores = run.evaluate()
        accuracies.append(scores.accuracy)
        f1.append(scores.macro_f1)
        print(
            f"seed {seed}: accuracy {accuracies[-1]:.4f}, macro F1 {f1[-1]:.4f}, ECE {scores.ece:.3f}, "
            f"{minutes[-1]:.1f} minutes",
            flush=True,
        )
    means = {"accuracy": statistics.mean(accuracies), "macro_f1": statistics.mean(f1)}
    print(f"{recipe}: mean accuracy {means['accuracy']:.4f}, macro F1 {means['macro_f1']:.4f}")
    rivals = _baselines(data)
    for name, (accuracy, macro) in rivals.items():
        print(f"  {name}: {accuracy:.4f}, macro F1 {macro:.4f}")
    finish(recipe=recipe, **means, accuracies=accuracies, minutes=statistics.mean(minutes), baselines=rivals)


def _baselines(data: Any) -> dict[str, tuple[float, float]]:
    import numpy as np
    from sklearn.dummy import DummyClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score

    from tlzoo.backbones.load import load_backbone
    from tlzoo.features.text_extract import TextExtractor

    split = np.array(data.given_split)
    train, test = np.flatnonzero(split == "train"), np.flatnonzero(split == "test")
    vectors = TextExtractor(load_backbone("minilm_l6", length=256), data, "graph").plain()
    words = (
        TfidfVectorizer(sublinear_tf=True, min_df=2)
        .fit([data.items[at] for at in train])
        .transform(data.items)
    )
    found = {}
    for name, inputs, model in (
        ("logistic regression on MiniLM vectors", vectors, LogisticRegression(max_iter=2000)),
        ("logistic regression on TF-IDF", words, LogisticRegression(max_iter=2000)),
        ("majority", vectors, DummyClassifier()),
    ):
        said = model.fit(inputs[train], data.labels[train]).predict(inputs[test])
        truth = data.labels[test]
        found[name] = (float(accuracy_score(truth, said)), float(f1_score(truth, said, average="macro")))
    return found


if __name__ == "__main__":
    main()

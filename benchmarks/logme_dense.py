"""Is LogME that of the dense D x D form, and do scores stay whatever the order of rows? On real features.

    python benchmarks/logme_dense.py

Features are those of digits under EfficientNet-Lite0 at 64 pixels (1,280 of them), whole for n > D and in part for
n < D, and of news under GloVe (50). The peer is the posterior of the weights written out with D x D matrices, at the
same precisions; and the code published with LogME, which forgets a term where n < D.
"""

from __future__ import annotations

import time

import numpy as np
from common import finish
from extractors import DATASETS
from ranking import features_of

CASES = (("digits", "lite0@64", 100), ("digits", "lite0@64", 600), ("digits", "lite0@64", 1797),
         ("bbc_news", "glove", 2225))  # fmt: skip


def main() -> None:
    """Prints the largest difference for each case, and what the published code says."""
    from tlzoo.scores.logme import best_evidence, logme
    from tlzoo.scores.matrices import spectrum, targets

    worst, moved = 0.0, {}
    for name, extractor, n in CASES:
        data = DATASETS[name]()
        rows = np.random.default_rng(0).permutation(len(data))[:n]
        features = features_of(name, data, extractor)[rows].astype(np.float64)
        labels = data.labels[rows]
        start = time.perf_counter()
        found = best_evidence(spectrum(features), targets(labels))
        ours, middle = time.perf_counter() - start, time.perf_counter()
        by_dense = [
            dense(features, *each) for each in zip(targets(labels).T, found.alpha, found.beta, strict=True)
        ]
        theirs = time.perf_counter() - middle
        difference = float(np.abs(found.values - by_dense).max())
        worst = max(worst, difference)
        print(
            f"n={n}, D={features.shape[1]}: LogME {logme(features, labels):.6f}, largest difference to the dense form "
            f"{difference:.1e}; published code {published(features, labels):.3f}; "
            f"{ours:.2f} s with the search, one dense evaluation a class {theirs:.2f} s"
        )
        for score, change in moves(features, labels).items():
            moved[score] = max(moved.get(score, 0.0), change)
    for score, change in moved.items():
        print(f"  {score}: moves by {change:.1e} at most when rows change places")
    finish(worst_difference=worst, within_1e_8=bool(worst <= 1e-8), moved=max(moved.values()))


def dense(features: np.ndarray, target: np.ndarray, alpha: float, beta: float) -> float:
    n, d = features.shape
    precision = alpha * np.eye(d) + beta * features.T @ features
    mean = beta * np.linalg.solve(precision, features.T @ target)
    evidence = d / 2 * np.log(alpha) + n / 2 * np.log(beta) - np.linalg.slogdet(precision)[1] / 2
    error = np.sum((target - features @ mean) ** 2)
    return float((evidence - beta / 2 * error - alpha / 2 * mean @ mean - n / 2 * np.log(2 * np.pi)) / n)


def published(features: np.ndarray, labels: np.ndarray) -> float:
    """Returns LogME as the formula published with it says: the sum of logarithms over min(n, D) values only."""
    n, d = features.shape
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    found = []
    for target in (labels[:, None] == np.unique(labels)).T.astype(float):
        squares, sigma, alpha, beta = (left.T @ target) ** 2, singular**2, 1.0, 1.0
        rest = target @ target - squares.sum()
        for _ in range(11):
            tau = alpha / beta
            gamma = np.sum(sigma / (sigma + tau))
            weights = np.sum(sigma * squares / (tau + sigma) ** 2)
            error = np.sum(squares / (1 + sigma / tau) ** 2) + rest
            alpha, beta = gamma / (weights + 1e-5), (n - gamma) / (error + 1e-5)
            evidence = d / 2 * np.log(alpha) + n / 2 * np.log(beta) - np.sum(np.log(alpha + beta * sigma)) / 2
            evidence -= beta / 2 * error + alpha / 2 * weights + n / 2 * np.log(2 * np.pi)
            if abs(alpha / beta - tau) / tau <= 1e-3:
                break
        found.append(evidence / n)
    return float(np.mean(found))


def moves(features: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns by how much each score changes when rows change places."""
    from tlzoo.workflows.rank_scores import all_scores

    order = np.random.default_rng(1).permutation(len(labels))
    one, other = all_scores(features, labels)[0], all_scores(features[order], labels[order])[0]
    return {name: abs(value - other[name]) for name, value in one.items() if value is not None}


if __name__ == "__main__":
    main()

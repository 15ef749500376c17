"""Active learning: which unlabelled examples to label next, so that a model learns most of them.

Ash, Zhang, Krishnamurthy, Langford, Agarwal, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds",
ICLR 2020, arXiv:1906.03671 (`badge`); Sener, Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set
Approach", ICLR 2018, arXiv:1708.00489 (`coreset`); Settles, "Active Learning Literature Survey", 2009 (`margin`,
`entropy`).
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.ood import unit

Strategy = Literal["badge", "margin", "entropy", "coreset", "random"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.floating[Any]]


def margin(probabilities: Reals) -> Floats:
    """Returns how undecided each row is between its two likeliest classes, (n,), 1 is torn and 0 certain."""
    ranked = np.sort(np.asarray(probabilities, np.float64), axis=1)
    second = ranked[:, -2] if ranked.shape[1] > 1 else np.zeros(len(ranked))
    return np.asarray(1 - (ranked[:, -1] - second))


def entropy(probabilities: Reals) -> Floats:
    """Returns the entropy of each row as a share of the largest there could be, (n,), 0..1."""
    rows = np.asarray(probabilities, np.float64)
    logs = np.log(np.maximum(rows, 1e-300))
    return np.asarray(-(rows * logs).sum(axis=1) / max(np.log(rows.shape[1]), 1e-12))


def choose(
    probabilities: Reals,
    features: Reals,
    n: int,
    *,
    strategy: Strategy = "badge",
    known: Reals | None = None,
    seed: int = 0,
) -> Ints:
    """Returns which examples to label next, the most wanted first, (n,) or all there are.

    Args:
        probabilities: (m, c), rows that sum to 1.
        features: (m, d).
        n: How many.
        strategy: `badge` draws examples that are both in doubt and unlike each other, each by how far it is from those
            already drawn; `margin` and `entropy` take the most doubtful, alike or not; `coreset` those farthest from
            all that is known, in doubt or not; `random` any.
        known: For `coreset`: features of labelled examples (k, d).
        seed: Of what is drawn.

    Raises:
        ValueError: There is no such strategy.

    Example:
        >>> choose(np.array([[0.9, 0.1], [0.5, 0.5]]), np.eye(2), 1, strategy="margin").tolist()
        [1]
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"There is no strategy '{strategy}'; there are {', '.join(STRATEGIES)}.")
    rows, wanted = np.asarray(probabilities, np.float64), min(n, len(probabilities))
    random = np.random.default_rng(seed)
    if strategy == "random":
        return random.permutation(len(rows))[:wanted]
    if strategy in ("margin", "entropy"):
        doubt = margin(rows) if strategy == "margin" else entropy(rows)
        return np.argsort(-doubt, kind="stable")[:wanted]
    if strategy == "coreset":
        return _farthest(unit(features), wanted, None if known is None else unit(known))
    return _badge(rows, unit(features), wanted, random)


def _badge(rows: Floats, features: Floats, n: int, random: np.random.Generator) -> Ints:
    """Draws by k-means++ among gradients of the head's loss, if the likeliest class were right.

    The gradient is the outer product of `p - onehot` and the features, so distances come from the factors alone.
    """
    errors = rows.copy()
    errors[np.arange(len(rows)), rows.argmax(axis=1)] -= 1
    squares = np.square(errors).sum(axis=1) * np.square(features).sum(axis=1)
    chosen: list[int] = []
    nearest = squares.copy()  # the first is drawn as if a certain example were chosen already
    for _ in range(n):
        left = np.maximum(nearest, 0)
        left[chosen] = 0
        total = left.sum()
        if total <= 0:  # nothing is in doubt any more, or only copies are left
            rest = np.setdiff1d(np.arange(len(rows)), chosen)
            chosen += random.permutation(rest)[: n - len(chosen)].tolist()
            break
        at = int(random.choice(len(rows), p=left / total)) if chosen else int(np.argmax(left))
        chosen.append(at)
        products = (errors @ errors[at]) * (features @ features[at])
        nearest = np.minimum(nearest, squares + squares[at] - 2 * products)
    return np.array(chosen, np.int64)


def _farthest(features: Floats, n: int, known: Floats | None) -> Ints:
    """Takes whatever is farthest from all that is known or taken, again and again (greedy k-center)."""
    if known is not None and len(known):
        # Blocks: the whole matrix of distances may not fit.
        nearest = np.concatenate(
            [2 - 2 * (features[at : at + 1024] @ known.T).max(axis=1) for at in range(0, len(features), 1024)]
        )
    else:
        nearest = np.full(len(features), np.inf)
    chosen: list[int] = []
    for _ in range(n):
        masked = nearest.copy()
        masked[chosen] = -np.inf
        at = int(np.argmax(masked))
        chosen.append(at)
        nearest = np.minimum(nearest, 2 - 2 * features @ features[at])
    return np.array(chosen, np.int64)

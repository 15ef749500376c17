"""From scores to a rank, and how sure it is.

The ridge probe measures what is asked for, with noise: it decides, and resamples say how sure it is. LogME settles what
is equal to the probe, as where several backbones answer everything right.

Drawing noisy probes towards what LogME foretells of them (Fay and Herriot, "Estimates of Income for Small Places", JASA
74, 1979) was tried and ranked no better: `benchmarks/ranking.py --others`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlzoo.scores.matrices import Floats

LEVEL = 0.95
"""Share of the resamples inside every interval."""


@dataclass(frozen=True)
class Place:
    """Where a backbone stands.

    Attributes:
        index: Its position among those that were ranked.
        value: Its probe's score.
        low: Lower end of its probe's interval.
        high: Upper end.
        first: Best rank it takes in 95% of the resamples, from 1.
        last: Worst rank.
        within_noise: Whether the first could be worse than it: the interval of their paired difference holds 0.
    """

    index: int
    value: float
    low: float
    high: float
    first: int
    last: int
    within_noise: bool


def places(probes: Floats, logmes: Floats, resampled: Floats) -> list[Place]:
    """Ranks backbones, the best first.

    Args:
        probes: Score of each one's ridge probe (m,), higher is better.
        logmes: LogME of each (m,).
        resampled: The probes' scores of the same resamples of the examples (r, m).

    Returns:
        One place for each backbone; those equal in both are in the order they came.
    """
    order = np.lexsort((-logmes, -probes))
    ranks = 1 + (resampled[:, None, :] > resampled[:, :, None]).sum(axis=2)
    ends = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    low, high = np.quantile(resampled, ends, axis=0)
    best, worst = np.quantile(ranks, ends, axis=0, method="nearest")
    lead = np.quantile(resampled[:, [order[0]]] - resampled, ends[0], axis=0)
    return [
        Place(
            int(at),
            float(probes[at]),
            float(min(low[at], probes[at])),
            float(max(high[at], probes[at])),
            int(min(best[at], place)),
            int(max(worst[at], place)),
            bool(lead[at] <= 0),
        )
        for place, at in enumerate(order, start=1)
    ]


def weighted_tau(scores: Sequence[float] | Floats, truth: Sequence[float] | Floats) -> float:
    """Returns Kendall's tau, in which exchanges near the top weigh more (hyperbolically), -1..1.

    Vigna, "A Weighted Correlation Index for Rankings with Ties", WWW 2015, as SciPy has it by default.

    Args:
        scores: What was foretold of each (m,), higher is better.
        truth: What came true (m,).

    Example:
        >>> weighted_tau([1, 2, 3], [0.1, 0.2, 0.3])
        1.0
    """
    from scipy.stats import weightedtau

    return float(weightedtau(scores, truth).statistic)

"""From scores to a rank, and how sure it is.

The ridge probe measures what is asked for, with noise; LogME is another view of the same features, without it. Each
backbone's value is the probe's score, drawn towards what LogME foretells of it as far as the probe is noisy:

    value = w · probe + (1 − w) · (a + b · LogME),   w = τ² / (τ² + noise²)

with a, b by least squares over the backbones and τ² what noise does not explain of the distance from that line. This
is the estimator of Fay and Herriot, "Estimates of Income for Small Places", JASA 74, 1979. With fewer than four
backbones there is no line, and the probe stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlzoo.scores.matrices import Floats

LEAST = 4
"""Backbones from which on LogME has a say: a line through two or three foretells nothing."""

LEVEL = 0.95
"""Share of the resamples inside every interval."""


@dataclass(frozen=True)
class Place:
    """Where a backbone stands.

    Attributes:
        index: Its position among those that were ranked.
        value: What it is ranked by, in the probe's unit.
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
        One place for each backbone; equal values are in the order they came.
    """
    noise = (resampled - resampled.mean(axis=1, keepdims=True)).std(axis=0)
    values = blended(probes, logmes, noise)
    order = np.argsort(-values, kind="stable")
    # How a resample would have ranked: what it moves is the probe, and with it the value, by as much as that counts.
    shifted = values + (resampled - probes)
    ranks = 1 + (shifted[:, None, :] > shifted[:, :, None]).sum(axis=2)
    ends = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    low, high = np.quantile(resampled, ends, axis=0)
    best, worst = np.quantile(ranks, ends, axis=0, method="nearest")
    lead = np.quantile(shifted[:, [order[0]]] - shifted, ends[0], axis=0)
    return [
        Place(
            int(at),
            float(values[at]),
            float(min(low[at], probes[at])),
            float(max(high[at], probes[at])),
            int(min(best[at], place)),
            int(max(worst[at], place)),
            bool(lead[at] <= 0),
        )
        for place, at in enumerate(order, start=1)
    ]


def blended(probes: Floats, logmes: Floats, noise: Floats) -> Floats:
    """Returns the probes' scores, drawn towards the line through LogME as far as they are noisy, (m,).

    Args:
        probes: (m,).
        logmes: (m,).
        noise: Standard error of each probe beside the others, (m,).
    """
    if len(probes) < LEAST or np.ptp(logmes) == 0:
        return np.array(probes, np.float64)
    slope, start = np.polyfit(logmes, probes, 1)
    line = start + slope * logmes
    # Two numbers were fitted to the line, which makes it look nearer than it is.
    spread = np.sum((probes - line) ** 2) / (len(probes) - 2)
    true = max(float(spread - np.mean(noise**2)), 0.0)
    if slope <= 0:
        return np.array(probes, np.float64)
    weight = np.divide(true, true + noise**2, out=np.ones(len(probes)), where=true + noise**2 > 0)
    return np.asarray(weight * probes + (1 - weight) * line)


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

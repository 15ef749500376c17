"""Did transfer help: the gain over training from scratch, with the doubt of few seeds and few test examples.

A score wavers twice: with the seed of training (first weights, order of examples, which of them where there are
fewer), and with the test examples that happened to be drawn. The bootstrap here draws both anew: examples once for
everybody, so that differences are paired, and seeds for each side by itself. A mean of k seeds drawn from k wavers too
little, by sqrt((k-1)/k), and its tails are thinner than Student's; deviations between seeds are therefore stretched, so
that where seeds alone waver the interval is Student's with k-1 degrees of freedom.

Davison, Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8 (hierarchical data); Wang et al.,
"Characterizing and Avoiding Negative Transfer", CVPR 2019 (negative: worse than the same learner without the source).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.bootstrap import Interval, Statistic

Floats = npt.NDArray[np.float64]
Word = Literal["positive", "neutral", "negative"]

_CHUNK = 1_000_000  # indices drawn at a time, so that memory stays flat in the number of examples


def resample(
    groups: Sequence[Sequence[Statistic]], n: int, seed: int, level: float = 0.95, resamples: int = 1000
) -> Floats:
    """Returns the mean score of each group in resamples of test examples and of seeds.

    Args:
        groups: Of each learner (and size of its training data) the statistic of every seed, 1 or more.
        n: Test examples, the same for all, at least 1.
        seed: Of the resampling.
        level: For which deviations between seeds are stretched; see above. With one seed nothing is known of them.
        resamples: How often both are drawn.

    Raises:
        ValueError: There are no examples, or a group has no seed.

    Returns:
        float64 (g, r + 1); the first column is the scores of all examples and seeds as they are.
    """
    if n < 1 or not all(groups):
        raise ValueError(f"{n} examples, {[len(group) for group in groups]} seeds; 1 or more of each.")
    random = np.random.default_rng(seed)
    parts = [np.stack([_means(group, np.arange(n)[None, :]).mean(axis=0) for group in groups])]
    rows = max(1, _CHUNK // n)
    for start in range(0, resamples, rows):
        drawn = random.integers(0, n, size=(min(rows, resamples - start), n), dtype=np.int32)
        parts.append(np.stack([_of_seeds(_means(group, drawn), random, level) for group in groups]))
    return np.concatenate(parts, axis=1)


def gain(
    transfer: Sequence[Statistic],
    scratch: Sequence[Statistic],
    n: int,
    *,
    lower_is_better: bool = False,
    unit: float = 1.0,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Returns by how much transfer is better than scratch.

    Args:
        transfer: The statistic of every seed; see `tlzoo.metrics.resampled.statistic`.
        scratch: Likewise, on the same test examples in the same order.
        n: Test examples.
        lower_is_better: Whether the statistic is an error.
        unit: What differences are divided by: the spread of the labels, where they are numbers.
        seed: Of the resampling.
        level: Share of the resamples inside, 0..1.

    Example:
        >>> right = np.array([1.0, 1.0, 1.0, 0.0])
        >>> one, other = (lambda rows: right[rows].mean(axis=1)), (lambda rows: 1 - right[rows].mean(axis=1))
        >>> gain([one], [other], 4).estimate
        0.5
    """
    mine, theirs = resample((transfer, scratch), n, seed, level)
    return interval_of((theirs - mine if lower_is_better else mine - theirs) / unit, level)


def interval_of(values: Floats, level: float = 0.95) -> Interval:
    """Returns the percentile interval of a resampled value, widened where needed to hold the estimate itself.

    Args:
        values: (r + 1,), the estimate first.
        level: Share of the resamples inside, 0..1.
    """
    estimate = float(values[0])
    low, high = np.quantile(values[1:], [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate), level)


def word(found: Interval, margin: float = 0.01) -> Word:
    """Returns what a gain is called.

    Args:
        found: The gain.
        margin: Gains and losses up to this are of no consequence.

    Example:
        >>> word(Interval(0.05, 0.02, 0.08)), word(Interval(0.004, 0.001, 0.007)), word(Interval(-0.1, -0.2, 0.0))
        ('positive', 'neutral', 'neutral')
    """
    if found.low > 0 and found.high > margin:
        return "positive"
    return "negative" if found.high < 0 and found.low < -margin else "neutral"


def stretch(seeds: int, level: float = 0.95) -> float:
    """Returns what deviations of the mean of some seeds, drawn from as many, are multiplied with; 0 for one seed.

    Args:
        seeds: How many.
        level: Of the interval that is made from them.
    """
    if seeds < 2:
        return 0.0
    half = (1 + level) / 2
    return math.sqrt(seeds / (seeds - 1)) * _student(half, seeds - 1) / _student(half, 10**6)


def _means(group: Sequence[Statistic], rows: npt.NDArray[np.integer]) -> Floats:
    return np.stack([statistic(rows) for statistic in group])


def _of_seeds(values: Floats, random: np.random.Generator, level: float) -> Floats:
    """Returns (r,): means over seeds drawn anew, further from the mean of all by what few seeds hide."""
    count, resamples = values.shape
    drawn = random.integers(0, count, size=(count, resamples))
    middle = values.mean(axis=0)
    deviation = np.take_along_axis(values, drawn, axis=0).mean(axis=0) - middle
    return np.asarray(middle + stretch(count, level) * deviation)


def _student(share: float, freedom: int) -> float:
    """Returns the quantile of Student's distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))

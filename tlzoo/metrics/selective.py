"""Selective prediction: how right a classifier is where it is sure, and how sure it must be to be as right as wanted.

Geifman, El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017, arXiv:1705.08500 (the guaranteed
threshold); Geifman, Uziel, El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019,
arXiv:1805.08206 (AURC).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Reals = npt.NDArray[np.floating[Any]]
Truths = npt.NDArray[np.bool_]

SURE = 0.95
"""How sure a guaranteed threshold is of its accuracy."""


@dataclasses.dataclass(frozen=True)
class RiskCoverage:
    """Errors among the answers that are given, as fewer and fewer are withheld.

    Examples of equal confidence are given or withheld together.

    Attributes:
        coverage: Share of answers given, ascending to 1, (k,).
        risk: Share of these that are wrong, (k,).
        thresholds: Confidence from which on they are given, descending, (k,).
    """

    coverage: Floats
    risk: Floats
    thresholds: Floats

    @property
    def aurc(self) -> float:
        """Area under the curve: the mean risk over all coverages, 0 is perfect."""
        return float(np.sum(self.risk * np.diff(self.coverage, prepend=0.0)))

    @property
    def excess(self) -> float:
        """AURC beyond that of the best order of the same errors, 0 is perfect."""
        errors = float(self.risk[-1])
        least = errors + (1 - errors) * math.log(1 - errors) if errors < 1 else 1.0
        return max(self.aurc - least, 0.0)

    def at(self, coverage: float) -> tuple[float, float]:
        """Returns the least threshold that gives at least a share of the answers, and the accuracy of these.

        Args:
            coverage: Above 0, up to 1.
        """
        place = int(np.searchsorted(self.coverage, coverage - 1e-12))
        place = min(place, len(self.coverage) - 1)
        return float(self.thresholds[place]), float(1 - self.risk[place])


@dataclasses.dataclass(frozen=True)
class Guarantee:
    """A confidence from which on answers are as right as wanted.

    Attributes:
        wanted: Accuracy that was asked for, 0..1.
        threshold: The confidence.
        coverage: Share of the calibration examples that reach it.
        accuracy: Of these.
        bound: Accuracy that holds for new examples with probability `sure`.
        sure: How sure that is.
    """

    wanted: float
    threshold: float
    coverage: float
    accuracy: float
    bound: float
    sure: float

    def to_dict(self) -> dict[str, float]:
        """Returns plain numbers, ready for JSON."""
        return dataclasses.asdict(self)


def risk_coverage(confidence: Reals, right: Truths) -> RiskCoverage:
    """Returns errors by how many answers are given.

    Args:
        confidence: (n,), higher is surer; n is at least 1.
        right: Whether each answer is right, (n,).

    Raises:
        ValueError: There is nothing, or the shapes differ, or a confidence is not a number.

    Example:
        >>> curve = risk_coverage(np.array([0.9, 0.8, 0.6, 0.5]), np.array([True, True, False, True]))
        >>> curve.at(0.5)
        (0.8, 1.0)
    """
    confidence, right = _checked(confidence, right)
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], ~right[order]
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    counts = ends + 1
    return RiskCoverage(counts / len(ranked), np.cumsum(wrong)[ends] / counts, ranked[ends])


def guaranteed(confidence: Reals, right: Truths, accuracy: float, sure: float = SURE) -> Guarantee | None:
    """Returns the lowest threshold found whose accuracy is guaranteed on new examples (selection with guaranteed risk).

    A binary search tries about log2(n) thresholds, each judged by the bound of Clopper and Pearson (1934) with an equal
    part of the doubt, so that all of them hold together.

    Args:
        confidence: (n,) of examples nothing was learned from; n is at least 1.
        right: Whether each answer is right, (n,).
        accuracy: Wanted, above 0 and below 1.
        sure: How sure to be of it, above 0 and below 1.

    Returns:
        None where no threshold that was tried could be guaranteed.

    Example:
        >>> guaranteed(np.linspace(0, 1, 500), np.arange(500) >= 100, 0.95).coverage > 0.75
        True
    """
    curve = risk_coverage(confidence, right)
    n = len(confidence)
    tries = max(1, math.ceil(math.log2(len(curve.coverage) + 1)))
    found: Guarantee | None = None
    low, high = 0, len(curve.coverage) - 1
    while low <= high:
        at = (low + high) // 2
        given = round(float(curve.coverage[at]) * n)
        errors = round(float(curve.risk[at]) * given)
        bound = 1 - _upper(errors, given, (1 - sure) / tries)
        if bound >= accuracy:
            share, right_share = float(curve.coverage[at]), float(1 - curve.risk[at])
            found = Guarantee(accuracy, float(curve.thresholds[at]), share, right_share, bound, sure)
            low = at + 1
        else:
            high = at - 1
    return found


def _upper(errors: int, given: int, doubt: float) -> float:
    """Returns the share of errors that is not exceeded, but for some doubt, after `errors` of `given`."""
    from scipy import stats

    return 1.0 if errors >= given else float(stats.beta.ppf(1 - doubt, errors + 1, given - errors))


def _checked(confidence: Reals, right: Truths) -> tuple[Floats, Truths]:
    one, two = np.asarray(confidence, np.float64), np.asarray(right, bool)
    if one.ndim != 1 or one.shape != two.shape or not len(one):
        raise ValueError(f"Confidence is {one.shape} and right {two.shape}; both must be (n,), n above 0.")
    if not np.isfinite(one).all():
        raise ValueError("Confidences must be finite.")
    return one, two

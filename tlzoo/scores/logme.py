"""LogME: the log evidence of a Bayesian linear model on the features, per example.

    t ~ N(0, I/β + FFᵀ/α),   LogME = mean over targets of max over α, β of ln p(t | F, α, β) / n

You, Liu, Wang, Long, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning", ICML 2021,
arXiv:2102.11005. With σ the squared singular values of F, x = Uᵀt and τ = α/β, the best α for a τ is known,

    α = n / Q(τ),   Q(τ) = Σ x²/(τ + σ) + (‖t‖² − ‖x‖²)/τ,

which leaves one dimension. It is searched here, where the published code iterates a fixed point: that stops short of
the maximum where n < D. The published code also forgets the −(D − k)/2 · ln α of the D − k features without
variance there (k = min(n, D)), which swamps all else; written by the n × n covariance, nothing can be forgotten.

Cost: one eigendecomposition of the smaller Gram matrix, O(n D k + k³), and O(k c) for each τ tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tlzoo.scores.matrices import Floats, Labels, Reals, Spectrum, checked, spectrum, targets

TAU = (1e-10, 1e8)
"""Least and largest τ, times the largest eigenvalue: a perfect fit of noiseless labels would drive it to zero."""

_STEP = 0.5  # of ln τ, on the grid that finds the right hill
_GOLDEN = (np.sqrt(5) - 1) / 2
_REFINEMENTS = 40  # golden sections: the step shrinks to 5e-9 of itself, and evidence by its square


@dataclass(frozen=True)
class Evidence:
    """The best evidence of each target.

    Attributes:
        values: Log evidence per example, in nats, (k,).
        alpha: Precision of the weights at the maximum, (k,).
        beta: Precision of the noise at the maximum, (k,).
    """

    values: Floats
    alpha: Floats
    beta: Floats


def logme(features: Reals, labels: Labels) -> float:
    """Returns LogME in nats per example; higher is better.

    Args:
        features: (n, d); n may be below d.
        labels: Classes int (n,), numbers float (n,) or sets of labels (n, c); see `matrices.targets`.

    Raises:
        DataError: See `matrices.checked`.

    Example:
        >>> features = np.random.default_rng(0).normal(size=(60, 200))
        >>> logme(features, features[:, 0] > 0) > logme(features, np.arange(60) % 2 > 0)
        True
    """
    features, labels = checked(features, labels)
    return float(best_evidence(spectrum(features), targets(labels)).values.mean())


def best_evidence(found: Spectrum, wanted: Floats) -> Evidence:
    """Maximises the evidence of each target over both precisions.

    Args:
        found: Of the features, not centred.
        wanted: Targets (n, k), none of them all zeros.
    """
    n = len(wanted)
    largest = float(found.values.max(initial=0.0)) or 1.0
    quadratic = _quadratic(found, wanted)

    def at(tau: Floats) -> Floats:
        """Returns the evidence (k,) at one τ per target, with the best α."""
        logs = np.log(tau + found.values[:, None]).sum(axis=0) + (n - len(found.values)) * np.log(tau)
        return np.asarray(-0.5 * (np.log(2 * np.pi) + np.log(quadratic(tau) / n) + 1 + logs / n))

    tau = np.exp(_maximised(at, np.log(TAU[0] * largest), np.log(TAU[1] * largest), wanted.shape[1]))
    alpha = n / quadratic(tau)
    return Evidence(at(tau), alpha, alpha / tau)


def _quadratic(found: Spectrum, wanted: Floats) -> Callable[[Floats], Floats]:
    """Returns Q: (k,) of one τ per target."""
    values, norms = found.values[:, None], np.sum(wanted**2, axis=0)
    if found.wide:
        squares = (found.vectors.T @ wanted) ** 2
        return lambda tau: np.sum(squares / (tau + values), axis=0)
    projected = (found.coordinates.T @ wanted) ** 2
    least = np.finfo(np.float64).eps * len(wanted) * norms  # what rounding leaves of a perfect fit
    return lambda tau: np.maximum(norms - np.sum(projected / (tau + values), axis=0), least) / tau


def _maximised(at: Callable[[Floats], Floats], low: float, high: float, count: int) -> Floats:
    """Returns ln τ (count,) of the maximum of each target: the best of a grid, then golden sections around it."""
    grid = np.arange(low, high + _STEP, _STEP)
    seen = np.stack([at(np.full(count, np.exp(point))) for point in grid])
    middle = grid[seen.argmax(axis=0)]
    left, right = np.maximum(middle - _STEP, low), np.minimum(middle + _STEP, high)
    for _ in range(_REFINEMENTS):
        first, second = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        lower = at(np.exp(first)) < at(np.exp(second))
        left, right = np.where(lower, first, left), np.where(lower, right, second)
    return np.asarray((left + right) / 2)

"""GBC: how far the Gaussians of any two classes overlap.

    GBC = −Σ over ordered pairs of classes a ≠ b of exp(−B(a, b)),
    B(a, b) = ⅛ (μa − μb)ᵀ Σ⁻¹ (μa − μb) + ½ ln(|Σ| / √(|Σa| |Σb|)),   Σ = (Σa + Σb) / 2

Pándy et al., "Transferability Estimation using Bhattacharyya Class Separability", CVPR 2022, arXiv:2111.12780: on the
first 64 principal components, with diagonal covariances. Here each class's variances borrow one example's worth of
the variance within all classes, so that a class of a single example has a Gaussian too.

Cost: one eigendecomposition of the smaller Gram matrix, O(n d k + k³), and O(c² · 64) for the pairs.
"""

from __future__ import annotations

import numpy as np

from tlzoo.scores.matrices import Labels, Reals, Spectrum, checked, classes, kind, spectrum

COMPONENTS = 64
"""Principal components that are kept."""

_LEAST = 1e-9  # of a component's variance: what is left of a class whose examples are all alike


def gbc(features: Reals, labels: Labels) -> float | None:
    """Returns GBC, −c(c − 1) to 0 for c classes; higher is better.

    Args:
        features: (n, d).
        labels: Classes int (n,).

    Returns:
        None for numbers and sets of labels. −c(c − 1) where no feature varies.

    Raises:
        DataError: See `matrices.checked`.
    """
    features, labels = checked(features, labels)
    if kind(labels) != "classification":
        return None
    return gbc_of(spectrum(features - features.mean(axis=0)), labels)


def gbc_of(found: Spectrum, labels: Labels) -> float:
    """Returns GBC of features that are decomposed already.

    Args:
        found: Of centred features (n, d).
        labels: Classes int (n,).
    """
    member = np.eye(int(classes(labels).max()) + 1)[classes(labels)]
    counts, kept = member.sum(axis=0)[:, None], min(found.rank, COMPONENTS)
    if not kept:
        return -float(len(counts) * (len(counts) - 1))
    points = found.coordinates[:, :kept]
    means = member.T @ points / counts
    squares = (points - means[classes(labels)]) ** 2
    within = np.maximum(squares.mean(axis=0), _LEAST * points.var(axis=0))
    variances = (member.T @ squares + within) / (counts + 1)
    total = 0.0
    for a in range(len(counts) - 1):
        both = (variances[a] + variances[a + 1 :]) / 2
        apart = np.sum((means[a] - means[a + 1 :]) ** 2 / both, axis=1) / 8
        logs = np.log(both) - (np.log(variances[a]) + np.log(variances[a + 1 :])) / 2
        total += 2 * float(np.exp(-apart - logs.sum(axis=1) / 2).sum())
    return -total

"""H-score, regularised: how much of the features' variation lies between classes.

    H = (1 − δ) · tr(Σ_δ⁻¹ cov(E[f|y])),   Σ_δ = (1 − δ) cov(f) + δ μ I,   μ = tr(cov(f)) / d

Bao et al., "An Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP 2019; regularised by
Ibrahim, Ponomareva, Mazumder, "Newer is not always better", ECML PKDD 2022, arXiv:2110.06893, with δ of Ledoit and
Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of Multivariate Analysis 2004.
Without δ it is the number of classes less one wherever n < d, whatever the features. All covariances divide by n.

Cost: one eigendecomposition of the smaller Gram matrix, O(n d k + k³).
"""

from __future__ import annotations

import numpy as np

from tlzoo.scores.matrices import Floats, Labels, Reals, Spectrum, checked, classes, kind, spectrum


def h_score(features: Reals, labels: Labels) -> float | None:
    """Returns the regularised H-score, 0 to the number of classes less one; higher is better.

    Args:
        features: (n, d).
        labels: Classes int (n,).

    Returns:
        None for numbers and sets of labels, which have no classes to part. 0 where no feature varies.

    Raises:
        DataError: See `matrices.checked`.

    Example:
        >>> round(h_score(np.array([[-1.0], [-1.1], [1.0], [1.1]]), np.array([0, 0, 1, 1])), 3)
        0.998
    """
    features, labels = checked(features, labels)
    if kind(labels) != "classification":
        return None
    return h_score_of(spectrum(features - features.mean(axis=0)), features.shape[1], labels)


def h_score_of(found: Spectrum, width: int, labels: Labels) -> float:
    """Returns the H-score of features that are decomposed already.

    Args:
        found: Of centred features (n, d).
        width: d.
        labels: Classes int (n,).
    """
    rank = found.rank
    if not rank:
        return 0.0
    variances, coordinates = found.values[:rank] / len(labels), found.coordinates[:, :rank]
    mean = variances.sum() / width
    delta = shrinkage(coordinates, width)
    member = np.eye(int(classes(labels).max()) + 1)[classes(labels)]
    counts = member.sum(axis=0)
    between = (counts / len(labels)) @ ((member.T @ coordinates) / counts[:, None]) ** 2
    return float((1 - delta) * np.sum(between / ((1 - delta) * variances + delta * mean)))


def shrinkage(coordinates: Floats, width: int) -> float:
    """Returns Ledoit and Wolf's share δ of the sphere in the covariance, 0..1.

    Args:
        coordinates: Centred features along their principal axes (n, k); an orthogonal turn changes nothing.
        width: How many features there were, d.
    """
    n = len(coordinates)
    squares = np.sum(coordinates**2, axis=1)
    norm = float(np.sum((coordinates.T @ coordinates / n) ** 2))
    spread = norm - float(squares.sum() / n) ** 2 / width
    noise = min((float(np.mean(squares**2)) - norm) / n, spread)
    return max(noise / spread, 0.0) if spread > 1e-12 * norm else 0.0  # the covariance is a sphere already

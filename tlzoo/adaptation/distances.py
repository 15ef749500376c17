"""How far apart two sets of features lie.

Every distance takes features float (n, d) and (m, d) and knows nothing of labels.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]

_FOLDS = 4
_MOST = 2000
"""Examples of each set that the domain classifier and the kernels look at: beyond, a distance changes little."""


@dataclasses.dataclass(frozen=True)
class Distances:
    """How far apart two sets of features lie, in four ways.

    Attributes:
        a_distance: 0 (nobody can tell them apart) to 2 (a linear classifier always can).
        frechet: Fréchet distance of the Gaussians with their moments, in squared units of the features; 0 or more.
        coral: Squared Frobenius distance of their covariances over 4 d²; 0 or more.
        mmd: Squared maximum mean discrepancy under Gaussian kernels, unbiased: about 0 for equal sets.
    """

    a_distance: float
    frechet: float
    coral: float
    mmd: float

    def to_dict(self) -> dict[str, float]:
        """Returns plain numbers, ready for JSON."""
        return dataclasses.asdict(self)


def distances(source: Features, target: Features, seed: int = 0) -> Distances:
    """Measures all distances between two sets of features.

    Args:
        source: (n, d), n at least 8.
        target: (m, d), m at least 8.
        seed: Of the folds and samples.

    Raises:
        ValueError: The widths differ, or there are too few examples.
    """
    first, second = _checked(source, target)
    return Distances(
        a_distance(first, second, seed),
        frechet_distance(first, second),
        coral_distance(first, second),
        mmd(first, second, seed),
    )


def a_distance(source: Features, target: Features, seed: int = 0) -> float:
    """Returns the proxy A-distance 2(1 - 2e), e the error of a linear domain classifier on examples it has not seen.

    The classifier is a logistic regression on standardised features, both domains weighing the same; e is its mean
    error over 4 folds, and a classifier that does worse than guessing counts as one that guesses. Ben-David et al.,
    "Analysis of representations for domain adaptation", NeurIPS 2006.

    Args:
        source: (n, d), n at least 8.
        target: (m, d), m at least 8.
        seed: Of the folds and samples.

    Returns:
        0 to 2.

    Raises:
        ValueError: The widths differ, or there are too few examples.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a_distance(rng.normal(0, 1, (99, 3)), rng.normal(9, 1, (99, 3)))
        2.0
    """
    first, second = (_sampled(each, seed) for each in _checked(source, target))
    together = np.concatenate([first, second])
    domain = np.repeat([0, 1], [len(first), len(second)])
    answers = domain_probabilities(together, domain, seed) > 0.5
    error = float(np.mean([np.mean(answers[domain == each] != each) for each in (0, 1)]))
    return 2.0 * (1.0 - 2.0 * min(error, 0.5))


def domain_probabilities(features: Features, domain: npt.NDArray[np.int64], seed: int = 0) -> Floats:
    """Returns the probability (n,) of domain 1 that a classifier which has not seen an example gives it.

    Args:
        features: (n, d).
        domain: 0 or 1 of each example (n,); 4 or more of either. Both domains weigh the same.
        seed: Of the folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    scaled = (features - features.mean(axis=0)) / deviations(features)
    model = LogisticRegression(C=1.0 / features.shape[1], class_weight="balanced", max_iter=500)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    found = cross_val_predict(model, scaled, domain, cv=folds, method="predict_proba")
    return np.asarray(found[:, 1], np.float64)


def frechet_distance(source: Features, target: Features) -> float:
    """Returns the squared Fréchet distance between Gaussians with the moments of two sets.

    That is ``|μ - ν|² + tr(S) + tr(T) - 2 tr((S T)^½)``, the distance behind FID (Heusel et al., NeurIPS 2017). The
    last trace is the nuclear norm of the product of the centred sets, so that no square root of a matrix is taken and
    sets smaller than the width do no harm; small sets make it larger than it is.

    Args:
        source: (n, d), n at least 2.
        target: (m, d), m at least 2.

    Returns:
        0 or more, in squared units of the features.

    Example:
        >>> round(frechet_distance(np.eye(4), np.eye(4) + 1.0), 6)
        4.0
    """
    first, second = _checked(source, target, least=2)
    mean = float(np.square(first.mean(axis=0) - second.mean(axis=0)).sum())
    left, right = _root(first), _root(second)
    spread = float(np.square(left).sum() + np.square(right).sum())
    shared = float(np.linalg.svd(left @ right.T, compute_uv=False).sum())
    return max(0.0, mean + spread - 2.0 * shared)


def coral_distance(source: Features, target: Features) -> float:
    """Returns the squared Frobenius distance of two covariances, over 4 d².

    Sun, Saenko, "Deep CORAL", ECCV Workshops 2016.

    Args:
        source: (n, d), n at least 2.
        target: (m, d), m at least 2.

    Example:
        >>> coral_distance(np.eye(3), np.eye(3) + 5.0)
        0.0
    """
    first, second = _checked(source, target, least=2)
    difference = np.cov(first, rowvar=False) - np.cov(second, rowvar=False)
    return float(np.square(difference).sum() / (4.0 * first.shape[1] ** 2))


def mmd(source: Features, target: Features, seed: int = 0) -> float:
    """Returns the unbiased squared maximum mean discrepancy under five Gaussian kernels.

    Their bandwidths are ¼, ½, 1, 2 and 4 times the median squared distance of all pairs. Gretton et al., "A kernel
    two-sample test", JMLR 2012, equation 3; kernels as in Long et al., "Learning transferable features with deep
    adaptation networks", ICML 2015.

    Args:
        source: (n, d), n at least 2.
        target: (m, d), m at least 2.
        seed: Of the sample, for large sets.

    Returns:
        About 0 for sets of one distribution (perhaps a little below), up to 2.
    """
    first, second = (_sampled(each, seed) for each in _checked(source, target, least=2))
    squares = _squares(np.concatenate([first, second]))
    n, m = len(first), len(second)
    median = float(np.median(squares[np.triu_indices(n + m, 1)]))
    if median == 0.0:
        return 0.0
    kernel = np.mean([np.exp(-squares / (factor * median)) for factor in (0.25, 0.5, 1, 2, 4)], axis=0)
    within = (kernel[:n, :n].sum() - n) / (n * (n - 1)) + (kernel[n:, n:].sum() - m) / (m * (m - 1))
    return float(within - 2.0 * kernel[:n, n:].mean())


def deviations(features: Features) -> Floats:
    """Returns standard deviations (d,) of features (n, d); 1 for a feature that never varies."""
    found = np.asarray(features.std(axis=0, dtype=np.float64))
    return np.where(found < 1e-6, 1.0, found)


def _squares(features: Floats) -> Floats:
    norms = np.square(features).sum(axis=1)
    found = norms[:, None] + norms[None, :] - 2.0 * features @ features.T
    return np.asarray(np.maximum(found, 0.0), np.float64)


def _root(features: Floats) -> Floats:
    """Returns R (k, d) with RᵀR the covariance, k at most d."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    root = np.linalg.qr(centred, mode="r") if len(centred) > centred.shape[1] else centred
    return np.asarray(root, np.float64)


def _sampled(features: Floats, seed: int) -> Floats:
    if len(features) <= _MOST:
        return features
    return features[np.random.default_rng(seed).permutation(len(features))[:_MOST]]


def _checked(source: Features, target: Features, least: int = 2 * _FOLDS) -> tuple[Floats, Floats]:
    first, second = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"Features are {first.shape} and {second.shape}; both need (n, d) with the same d.")
    if min(len(first), len(second)) < least:
        raise ValueError(f"There are {len(first)} and {len(second)} examples; both need {least} or more.")
    return first, second

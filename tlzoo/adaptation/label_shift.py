"""Shares of the classes in a domain whose labels nobody knows, from what a classifier says of it.

Both estimates presume that a class looks the same in both domains and only its share differs. Where it does not, they
are wrong without a sign of it: read them as a hint.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Probabilities = npt.NDArray[np.floating[Any]]


def bbse(source: Probabilities, labels: npt.NDArray[np.integer[Any]], target: Probabilities) -> Floats:
    """Estimates the shares of classes by black box shift estimation, soft version.

    With C[i, j] the mean probability of class i over source examples of class j and q the mean probabilities over the
    target, the shares are the p of the simplex that brings C p closest to q. Lipton, Wang, Smola, "Detecting and
    correcting for label shift with black box predictors", ICML 2018.

    Args:
        source: Probabilities (n, c) of source examples the classifier has not learned from.
        labels: Their classes, integers (n,) in 0..c-1; each class once at least.
        target: Probabilities (m, c) of target examples.

    Returns:
        Shares (c,), 0 or more, that sum to 1.

    Raises:
        ValueError: The shapes do not fit, or a class has no example.

    Example:
        >>> said = np.array([[0.9, 0.1], [0.2, 0.8]])
        >>> bbse(said, np.array([0, 1]), np.array([[0.55, 0.45]])).round(2).tolist()
        [0.5, 0.5]
    """
    from scipy.optimize import nnls

    source, target, labels = (
        np.asarray(source, np.float64),
        np.asarray(target, np.float64),
        np.asarray(labels),
    )
    classes = source.shape[1]
    counts = np.bincount(labels, minlength=classes)
    if target.shape[1:] != (classes,) or len(labels) != len(source) or not counts.all():
        raise ValueError(
            f"Probabilities are {source.shape} and {target.shape}, examples of the classes {counts.tolist()}; "
            "both need one column a class and each class an example."
        )
    means = np.stack([source[labels == each].mean(axis=0) for each in range(classes)], axis=1)
    # The row of ones, weighed heavily, holds the sum at 1.
    rows = np.concatenate([means, np.full((1, classes), 1e3)])
    shares, _ = nnls(rows, np.append(target.mean(axis=0), 1e3))
    return np.asarray(shares / shares.sum(), np.float64)


def saerens(
    target: Probabilities, prior: npt.NDArray[np.floating[Any]], steps: int = 1000, tolerance: float = 1e-8
) -> Floats:
    """Estimates the shares of classes by expectation maximisation.

    Saerens, Latinne, Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
    Computation 14, 2002. It leans on calibrated probabilities more than `bbse` does.

    Args:
        target: Probabilities (m, c) of target examples, calibrated on the source.
        prior: Shares (c,) of the classes in what the classifier learned from, all above 0.
        steps: Most iterations.
        tolerance: Largest change of a share that counts as none.

    Returns:
        Shares (c,) that sum to 1.

    Raises:
        ValueError: The shapes do not fit, or a share is not above 0.
    """
    target, before = np.asarray(target, np.float64), np.asarray(prior, np.float64)
    if target.shape[1:] != before.shape or not (before > 0).all():
        raise ValueError(
            f"Probabilities are {target.shape}, shares {before.tolist()}; shares must be above 0."
        )
    before = np.asarray(before / before.sum(), np.float64)
    shares = before
    for _ in range(steps):
        following = np.asarray(reweighted(target, shares / before).mean(axis=0), np.float64)
        if np.abs(following - shares).max() <= tolerance:
            return following
        shares = following
    return shares


def reweighted(probabilities: Probabilities, ratio: npt.NDArray[np.floating[Any]]) -> Floats:
    """Returns probabilities (n, c) for other shares of the classes.

    Args:
        probabilities: (n, c), rows that sum to 1.
        ratio: New share over old share of each class (c,), 0 or more.
    """
    rows = np.maximum(np.asarray(probabilities, np.float64) * ratio, 1e-300)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), np.float64)

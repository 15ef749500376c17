"""What all scores share: checks of features and labels, targets, and one eigendecomposition on the smaller side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.errors import DataError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[Any]

RANK = 1e-13
"""Share of the largest eigenvalue below which one is set to zero: float64 keeps no more of a Gram matrix."""


def kind(labels: Labels) -> str:
    """Returns the task of labels: `regression` (floats), `multilabel` (a matrix) or `classification` (integers).

    Example:
        >>> kind(np.array([0.5, 1.5]))
        'regression'
    """
    if labels.ndim == 2:
        return "multilabel"
    return "regression" if labels.dtype.kind == "f" else "classification"


def checked(features: Reals, labels: Labels) -> tuple[Floats, Labels]:
    """Returns features as float64, and labels as an array, once both are fit to be scored.

    Args:
        features: (n, d), n of 2 or more, finite.
        labels: Classes int (n,), numbers float (n,), or sets of labels (n, c) of zeros and ones.

    Raises:
        DataError: Shapes do not fit, a feature is no finite number, or labels do not differ.
    """
    given, labels = np.asarray(features, np.float64), np.asarray(labels)
    if given.ndim != 2 or labels.ndim not in (1, 2) or len(given) != len(labels) or len(labels) < 2:
        raise DataError(
            f"features of shape {given.shape} with labels of shape {labels.shape}.",
            allowed="a matrix (n, d) with n labels, 2 or more.",
            do="Give one row of features for each label.",
        )
    if not np.isfinite(given).all():
        rows = int((~np.isfinite(given).all(axis=1)).sum())
        raise DataError(
            f"{rows} of {len(given)} rows of features hold NaN or infinity.",
            allowed="finite numbers.",
            do="Leave those examples out: their images may be broken.",
        )
    if not given.shape[1] or (labels == labels[:1]).all():
        raise DataError(
            f"{given.shape[1]} features of {len(labels)} examples that all have the same label."
            if given.shape[1]
            else "examples without a single feature.",
            allowed="1 feature or more, and labels that differ.",
            do="Score data with two classes or more, or numbers that differ.",
        )
    return given, labels


def classes(labels: Labels) -> Ints:
    """Returns labels (n,) as 0 … c-1, in the order of their values; classes without examples vanish."""
    return np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int64)


def targets(labels: Labels) -> Floats:
    """Returns what a linear model fits, float64 (n, k).

    Classes become one column of zeros and ones each. Sets of labels keep the columns that vary. Numbers are
    standardised, so that scores do not depend on their unit.
    """
    if kind(labels) == "classification":
        return np.eye(int(classes(labels).max()) + 1)[classes(labels)]
    values = labels.astype(np.float64)
    if values.ndim == 2:
        return np.asarray(values[:, np.ptp(values, axis=0) > 0])
    return np.asarray(((values - values.mean()) / values.std())[:, None])


def standardised(features: Floats) -> Floats:
    """Returns features (n, d) with mean 0 and deviation 1; those that never vary become 0."""
    centred = features - features.mean(axis=0)
    deviation = np.sqrt(np.mean(centred**2, axis=0))
    constant = deviation <= 1e-9 * np.abs(features).max(axis=0, initial=1e-300)
    return np.asarray(np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation)))


@dataclass(frozen=True)
class Spectrum:
    """The eigendecomposition of FᵀF or FFᵀ of features F (n, d), whichever is smaller.

    Attributes:
        values: Eigenvalues, not below zero, (k,) with k = min(n, d).
        vectors: (n, k) left singular vectors where n <= d; else (d, k) right ones.
        coordinates: F along its right singular vectors, (n, k).
        wide: Whether n <= d.
    """

    values: Floats
    vectors: Floats
    coordinates: Floats
    wide: bool

    @property
    def rank(self) -> int:
        """How many eigenvalues are more than rounding."""
        return int((self.values > 0).sum())


def spectrum(features: Floats) -> Spectrum:
    """Decomposes features (n, d) as they are, largest eigenvalue first. Costs O(n d k + k³), k = min(n, d)."""
    wide = features.shape[0] <= features.shape[1]
    values, vectors = np.linalg.eigh(features @ features.T if wide else features.T @ features)
    values, vectors = values[::-1], vectors[:, ::-1]
    values = np.where(values > RANK * values.max(initial=0.0), values, 0.0)
    coordinates = vectors * np.sqrt(values) if wide else features @ vectors
    return Spectrum(values, vectors, coordinates, wide)

"""Closed forms that bring two domains into one space: a map for each, both affine.

An affine map before a linear head is another linear head, so whatever is chosen here is served as one Dense layer.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.adaptation.distances import deviations

Features = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Affine:
    """``x A + b``, or ``x * a + b`` where the map scales each feature alone.

    Attributes:
        scale: (d, k), or (d,) for a diagonal.
        offset: (k,), or (d,) for a diagonal.
    """

    scale: Floats
    offset: Floats

    def __call__(self, features: Features) -> Floats:
        """Returns the image (n, k) of features (n, d)."""
        rows = np.asarray(features, np.float64)
        moved = rows * self.scale if self.scale.ndim == 1 else rows @ self.scale
        return moved + self.offset

    def before(self, kernel: Features, bias: Features) -> tuple[Floats, Floats]:
        """Returns kernel (d, c) and bias (c,) of the one linear head that does what this map and a head do.

        Args:
            kernel: Of the head behind the map, (k, c).
            bias: (c,).
        """
        folded = self.scale[:, None] * kernel if self.scale.ndim == 1 else self.scale @ kernel
        return np.asarray(folded, np.float64), np.asarray(self.offset @ kernel + bias, np.float64)


@dataclasses.dataclass(frozen=True)
class Alignment:
    """A map for each domain into the space they share.

    Attributes:
        name: What reports call it.
        source: Of the domain with labels.
        target: Of the domain without.
    """

    name: str
    source: Affine
    target: Affine


def standardiser(features: Features) -> Affine:
    """Returns the map that gives each feature mean 0 and deviation 1; one that never varies becomes 0.

    Args:
        features: (n, d), n at least 2.
    """
    mean, deviation = np.asarray(features, np.float64).mean(axis=0), deviations(features)
    return Affine(1.0 / deviation, -mean / deviation)


def none(source: Features, target: Features) -> Alignment:
    """Returns the source's standardisation for both: what training on the source alone does.

    Args:
        source: (n, d).
        target: (m, d); not looked at.
    """
    both = standardiser(source)
    return Alignment("none", both, both)


def standardise(source: Features, target: Features) -> Alignment:
    """Returns each domain's own standardisation: means and deviations of every feature become equal.

    Li et al., "Revisiting batch normalization for practical domain adaptation" (AdaBN), 2016, at the last layer alone.

    Args:
        source: (n, d).
        target: (m, d).
    """
    return Alignment("standardise", standardiser(source), standardiser(target))


def coral(source: Features, target: Features, shrinkage: float = 0.1) -> Alignment:
    """Returns each domain's standardisation, and for the source also CORAL: its covariance becomes the target's.

    Sun, Feng, Saenko, "Return of frustratingly easy domain adaptation", AAAI 2016. It re-colours the source, so the map
    of the target, which is served, stays a diagonal. Covariances are those of standardised features, so what is shrunk
    towards is the identity.

    Args:
        source: (n, d).
        target: (m, d).
        shrinkage: Share of the identity in both covariances, in (0, 1]; 1 leaves `standardise`. With fewer examples
            than features it must not be 0.

    Raises:
        ValueError: The shrinkage is out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> found = coral(rng.normal(0, 1, (500, 2)), rng.normal(3, 2, (500, 2)))
        >>> found.target.scale.shape
        (2,)
    """
    if not 0 < shrinkage <= 1:
        raise ValueError(f"The shrinkage is {shrinkage}; allowed is above 0, up to 1.")
    first, second = standardiser(source), standardiser(target)
    matrix = _power(_shrunk(first(source), shrinkage), -0.5) @ _power(_shrunk(second(target), shrinkage), 0.5)
    return Alignment("coral", Affine(first.scale[:, None] * matrix, first.offset @ matrix), second)


def _shrunk(features: Floats, shrinkage: float) -> Floats:
    centred = features - features.mean(axis=0)
    covariance = centred.T @ centred / max(1, len(features) - 1)
    return np.asarray((1 - shrinkage) * covariance + shrinkage * np.eye(covariance.shape[0]), np.float64)


def _power(matrix: Floats, exponent: float) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T, np.float64)

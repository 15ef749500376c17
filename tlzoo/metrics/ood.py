"""Out-of-distribution scores: how foreign an example is to what a model was trained on; higher is more foreign.

Liu, Wang, Owens, Li, "Energy-based Out-of-distribution Detection", NeurIPS 2020, arXiv:2010.03759; Lee, Lee, Lee, Shin,
"A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks", NeurIPS 2018,
arXiv:1807.03888 (Mahalanobis); Sun, Ming, Zhu, Li, "Out-of-Distribution Detection with Deep Nearest Neighbors",
ICML 2022, arXiv:2204.06507.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Reals = npt.NDArray[np.floating[Any]]

KEPT = 0.95
"""Share of known examples whose score does not exceed the threshold."""
AXES = 128
"""Most directions whose variance is kept apart; the rest share one."""
NEIGHBOUR = 10
"""Which neighbour's distance counts."""
SAMPLE = 4096
"""Most training examples a detector is fitted on: more change little and cost much."""

_BLOCK = 1024


def energy(logits: Reals, temperature: float = 1.0) -> Floats:
    """Returns the free energy of each example, (n,), from logits (n, c).

    Example:
        >>> energy(np.array([[9.0, 0.0], [0.1, 0.0]])).round(2).tolist()
        [-9.0, -0.74]
    """
    scaled = np.asarray(logits, np.float64) / temperature
    highest = scaled.max(axis=1)
    return np.asarray(-temperature * (highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1))))


@dataclasses.dataclass(frozen=True, eq=False)
class Mahalanobis:
    """Distance to the nearest class mean, in deviations of the features around their means.

    The covariance is one for all classes, shrunk towards equal variances (Ledoit, Wolf, 2004). Of it the leading
    directions are kept; along all others, features are taken to vary alike (Tipping, Bishop, "Probabilistic Principal
    Component Analysis", 1999), so that it takes `d x k` numbers and not `d x d`.

    Attributes:
        centre: Mean of all training features, float32 (d,).
        axes: Leading directions, orthonormal columns divided by the deviation along them, float32 (d, k).
        lengths: These deviations, float32 (k,).
        rest: Deviation along every other direction, above 0.
        means: Class means, the centre subtracted, float32 (c, d).
    """

    centre: npt.NDArray[np.float32]
    axes: npt.NDArray[np.float32]
    lengths: npt.NDArray[np.float32]
    rest: float
    means: npt.NDArray[np.float32]

    def __call__(self, features: Reals) -> Floats:
        """Returns the squared distance per feature, (n,), from features (n, d); about 1 for known examples."""
        parts = [self._some(features[at : at + _BLOCK]) for at in range(0, len(features), _BLOCK)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _some(self, features: Reals) -> Floats:
        along, across = self.split(np.asarray(features, np.float64) - self.centre)
        mean_along, mean_across = self.split(np.asarray(self.means, np.float64))
        squares = _squared(along, mean_along) + _squared(across, mean_across)
        return np.asarray(squares.min(axis=1) / len(self.centre))

    def split(self, centred: Floats) -> tuple[Floats, Floats]:
        """Returns what lies along the axes (n, k), and across all of them (n, d), in deviations."""
        along = centred @ self.axes
        return along, (centred - (along * self.lengths**2) @ self.axes.T) / self.rest

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Returns what `from_arrays` takes."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Mahalanobis:
        """Returns the detector that `arrays` described."""
        centre, axes, lengths, means = (arrays[name] for name in ("centre", "axes", "lengths", "means"))
        return cls(centre, axes, lengths, float(arrays["rest"]), means)


def fit_mahalanobis(features: Reals, labels: Labels | None = None, axes: int = AXES) -> Mahalanobis:
    """Fits a detector on training features.

    Args:
        features: (n, d), finite; n is at least 2.
        labels: Integers (n,); None takes all examples for one class.
        axes: Most directions whose variance is kept apart; d or more keep the whole covariance.

    Raises:
        ValueError: There are fewer than 2 examples, or they do not vary.

    Example:
        >>> random = np.random.default_rng(0)
        >>> detector = fit_mahalanobis(random.normal(size=(500, 8)))
        >>> near, far = detector(np.array([[0.0] * 8, [9.0] * 8]))
        >>> bool(near < 1 < far)
        True
    """
    from scipy.linalg import eigh
    from sklearn.covariance import ledoit_wolf_shrinkage

    rows = np.asarray(features, np.float64)
    if len(rows) < 2 or not np.ptp(rows, axis=0).any():
        raise ValueError(f"{len(rows)} examples that do not vary; a detector needs 2 or more that do.")
    classes, place = np.unique(np.zeros(len(rows), int) if labels is None else labels, return_inverse=True)
    centre = rows.mean(axis=0)
    rows = rows - centre
    means = np.stack([rows[place == each].mean(axis=0) for each in range(len(classes))])
    around = rows - means[place]
    if not around.any():  # one example a class: nothing varies around its own mean
        around = rows
    width = rows.shape[1]
    kept = min(axes, width)
    covariance = around.T @ around / len(around)
    shrinkage = float(ledoit_wolf_shrinkage(around, assume_centered=True))
    average = float(np.trace(covariance)) / width
    variances, directions = eigh(covariance, subset_by_index=(width - kept, width - 1))
    remaining = max(float(np.trace(covariance)) - float(variances.sum()), 0.0) / max(width - kept, 1)
    lengths = np.sqrt((1 - shrinkage) * np.maximum(variances, 0) + shrinkage * average)
    # Features that never vary would make the least change infinitely foreign.
    lengths = np.maximum(lengths, 1e-3 * np.sqrt(average))
    rest = np.sqrt((1 - shrinkage) * remaining + shrinkage * average)
    return Mahalanobis(
        centre.astype(np.float32),
        (directions / lengths).astype(np.float32),
        lengths.astype(np.float32),
        float(np.float32(max(rest, 1e-3 * np.sqrt(average)))),
        means.astype(np.float32),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Nearest:
    """Distance to the k-th nearest training example, all features scaled to length 1.

    Attributes:
        bank: Training features of length 1, float32 (m, d).
        k: Which neighbour counts.
    """

    bank: npt.NDArray[np.float32]
    k: int = NEIGHBOUR

    @classmethod
    def fitted(cls, features: Reals, k: int = NEIGHBOUR) -> Nearest:
        """Returns the detector of training features (m, d)."""
        return cls(unit(features).astype(np.float32), min(k, len(features)))

    def __call__(self, features: Reals) -> Floats:
        """Returns the distance, 0..2, (n,), from features (n, d)."""
        asked, found = unit(features), np.empty(len(features))
        for at in range(0, len(asked), _BLOCK):
            likeness = asked[at : at + _BLOCK] @ self.bank.T
            kth = np.partition(likeness, -self.k, axis=1)[:, -self.k]
            found[at : at + _BLOCK] = np.sqrt(np.maximum(2 - 2 * kth, 0))
        return found


def unit(features: Reals) -> Floats:
    """Returns features (n, d) scaled to length 1; zeros stay zeros."""
    rows = np.asarray(features, np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1))


def threshold(scores: Reals, kept: float = KEPT) -> float:
    """Returns the score that a share of known examples do not exceed.

    Args:
        scores: (n,) of examples the detector was not fitted on; n is at least 1.
        kept: The share, above 0 and up to 1.
    """
    return float(np.quantile(np.asarray(scores, np.float64), kept, method="higher"))


def sample(count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Returns up to `SAMPLE` positions of `count` examples, ascending, the same ones every time."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:SAMPLE])


def _squared(rows: Floats, means: Floats) -> Floats:
    """Returns squared distances (n, c) of rows (n, k) to means (c, k)."""
    lengths = np.square(rows).sum(axis=1)[:, None] + np.square(means).sum(axis=1)
    return np.asarray(np.maximum(lengths - 2 * rows @ means.T, 0))

"""The worst mistakes where numbers, or sets of labels, are predicted."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.multilabel import cross_entropies

Indices = npt.NDArray[np.integer[Any]]
Reals = npt.NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True)
class FarOff:
    """A number far from the right one.

    Attributes:
        index: Position in the data set.
        label: The right number.
        predicted: What was said instead.
    """

    index: int
    label: float
    predicted: float

    def told(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Returns what reports say of it; `error` is prediction minus label."""
        return {
            "label": f"{self.label:.6g}",
            "predicted": f"{self.predicted:.6g}",
            "error": self.predicted - self.label,
        }


@dataclasses.dataclass(frozen=True)
class WrongSet:
    """Labels that are not the right ones.

    Attributes:
        index: Position in the data set.
        label: The right labels, positions in label order.
        predicted: What was said instead.
        loss: Binary cross-entropy, mean over labels, in nats.
    """

    index: int
    label: tuple[int, ...]
    predicted: tuple[int, ...]
    loss: float

    def told(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Returns what reports say of it; `missed` and `wrong` are labels that should, and should not, be there."""
        right, said = ([class_names[at] for at in which] for which in (self.label, self.predicted))
        return {
            "label": "; ".join(right) or "none",
            "predicted": "; ".join(said) or "none",
            "missed": [name for name in right if name not in said],
            "wrong": [name for name in said if name not in right],
            "loss": self.loss,
        }


def worst_numbers(labels: Reals, values: Reals, indices: Indices, limit: int = 24) -> list[FarOff]:
    """Returns the predictions that are farthest from their labels, the farthest first.

    Args:
        labels: (n,).
        values: (n,).
        indices: (n,) positions in the data set, which break ties.
        limit: How many at most.
    """
    order = np.lexsort((indices, -np.abs(values - labels)))[:limit]
    return [FarOff(int(indices[i]), float(labels[i]), float(values[i])) for i in order]


def worst_sets(
    labels: npt.NDArray[np.integer[Any]],
    probabilities: Reals,
    thresholds: Sequence[float],
    indices: Indices,
    limit: int = 24,
) -> list[WrongSet]:
    """Returns wrong sets of labels, the least likely right ones first.

    Args:
        labels: Zeros and ones (n, c).
        probabilities: (n, c).
        thresholds: Probability from which on each label is predicted.
        indices: (n,) positions in the data set, which break ties.
        limit: How many at most.
    """
    decisions = probabilities >= np.asarray(thresholds)
    losses = cross_entropies(labels, probabilities).mean(axis=1)
    wrong = np.flatnonzero((decisions != labels).any(axis=1))
    order = wrong[np.lexsort((indices[wrong], -losses[wrong]))][:limit]
    return [
        WrongSet(int(indices[i]), _places(labels[i]), _places(decisions[i]), float(losses[i])) for i in order
    ]


def _places(row: npt.NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(at) for at in np.flatnonzero(row))

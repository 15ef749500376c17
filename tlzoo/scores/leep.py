"""LEEP: how well the source's own classes, as probabilities, foretell the labels.

    LEEP = mean over examples of ln Σ_z P(y|z) θ_z(x),   P(y, z) = (1/n) Σ over examples labelled y of θ_z(x)

Nguyen, Hassner, Seeger, Archambeau, "LEEP: A New Measure to Evaluate Transferability of Learned Representations", ICML
2020, arXiv:2002.12462. It needs the head the backbone was pretrained with.

Cost: O(n z c) for z source classes and c classes.
"""

from __future__ import annotations

import numpy as np

from tlzoo.scores.matrices import Labels, Reals, checked, classes, kind


def leep(probabilities: Reals, labels: Labels) -> float | None:
    """Returns LEEP in nats per example, at most 0; higher is better.

    Args:
        probabilities: What the source's head says, (n, z): rows of 0..1 that sum to 1.
        labels: Classes int (n,).

    Returns:
        None for numbers and sets of labels.

    Raises:
        DataError: See `matrices.checked`.

    Example:
        >>> leep(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([1, 1, 0]))
        0.0
    """
    theta, labels = checked(probabilities, labels)
    if kind(labels) != "classification":
        return None
    index = classes(labels)
    joint = np.eye(int(index.max()) + 1)[index].T @ theta / len(theta)
    marginal = joint.sum(axis=0)
    given = joint / np.where(marginal > 0, marginal, 1.0)
    return float(np.log(np.sum(given[index] * theta, axis=1)).mean())

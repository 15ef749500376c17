"""NCE: how uncertain the labels are once the source's own class is known.

    NCE = −H(Y|Z) = Σ P(y, z) ln P(y|z),   z = the class the source's head chooses

Tran, Nguyen, Hassner, "Transferability and Hardness of Supervised Classification Tasks", ICCV 2019, arXiv:1908.08142.
It needs the head the backbone was pretrained with.

Cost: O(n z).
"""

from __future__ import annotations

import numpy as np

from tlzoo.scores.matrices import Labels, Reals, checked, classes, kind


def nce(probabilities: Reals, labels: Labels) -> float | None:
    """Returns NCE in nats per example, at most 0; higher is better.

    Args:
        probabilities: What the source's head says, (n, z), or its logits: only each row's largest counts.
        labels: Classes int (n,).

    Returns:
        None for numbers and sets of labels.

    Raises:
        DataError: See `matrices.checked`.

    Example:
        >>> round(nce(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1])), 4)
        -0.6931
    """
    theta, labels = checked(probabilities, labels)
    if kind(labels) != "classification":
        return None
    index = classes(labels)
    counts = np.zeros((int(index.max()) + 1, theta.shape[1]))
    np.add.at(counts, (index, theta.argmax(axis=1)), 1.0)
    given = counts / np.maximum(counts.sum(axis=0), 1.0)
    return float(np.sum(counts * np.log(np.where(given > 0, given, 1.0))) / len(labels))

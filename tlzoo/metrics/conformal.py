"""Conformal prediction sets: every class that cannot be ruled out; the right one is among them as often as asked.

Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005 (split conformal prediction); Sadinle, Lei,
Wasserman, "Least Ambiguous Set-Valued Classifiers", JASA 2019, arXiv:1609.00451 (`lac`); Romano, Sesia, Candès,
"Classification with Valid and Adaptive Coverage", NeurIPS 2020, arXiv:2006.02544 (`aps`); Angelopoulos, Bates, Malik,
Jordan, "Uncertainty Sets for Image Classifiers", ICLR 2021, arXiv:2009.14193 (`raps`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.classification import checked

Method = Literal["lac", "aps", "raps"]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Probabilities = npt.NDArray[np.floating[Any]]
Sets = npt.NDArray[np.bool_]

COVERAGE = 0.9
"""Share of sets that hold the right class, unless another is asked for."""
PENALTY, FREE_RANKS = 0.01, 5
"""What `raps` adds for each class beyond the first few, as published for ImageNet."""

_FUZZ = 1e-9  # (n + 1) * coverage is a whole number more often than floating point says


@dataclasses.dataclass(frozen=True)
class Conformal:
    """Which classes of an example belong to its prediction set.

    A class belongs to it where its strangeness is at most the threshold. By `lac` that is minus its probability; by
    `aps` the probability of all classes before it, and a random part of its own; by `raps` that with a penalty for
    late ranks.

    Attributes:
        coverage: Share of sets that should hold the right class, above 0 and below 1.
        method: `lac`, `aps` or `raps`.
        thresholds: One, or one per class.
        n: Examples it was fitted on.
    """

    coverage: float
    method: Method
    thresholds: tuple[float, ...]
    n: int

    def sets(self, probabilities: Probabilities, seed: int = 1) -> Sets:
        """Returns whether each class belongs to the set, (n, c).

        A set of `lac` may be empty: no class is likely enough, which says that the example is unlike the others.

        Args:
            probabilities: (n, c), rows that sum to 1.
            seed: Of the random part of `aps` and `raps`; not that of `fit_sets`.
        """
        return np.asarray(strangeness(probabilities, self.method, seed) <= np.asarray(self.thresholds))

    @property
    def floors(self) -> tuple[float, ...]:
        """By `lac`: the probability from which on a class belongs to the set, one or one per class.

        Raises:
            ValueError: The method is another: ranks matter there.
        """
        if self.method != "lac":
            raise ValueError(f"Sets by {self.method} depend on ranks; only those of lac have floors.")
        return tuple(-each + 0.0 for each in self.thresholds)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain numbers and lists, ready for JSON."""
        return {**dataclasses.asdict(self), "thresholds": list(self.thresholds)}


@dataclasses.dataclass(frozen=True)
class SetScores:
    """How good prediction sets are.

    Attributes:
        n: Number of examples.
        coverage: Share of sets that hold the right class, 0..1.
        size: Mean number of classes in a set.
        sizes: How many sets have 0, 1, 2 … classes.
        singles: Share of sets with exactly one class.
        empty: Share of sets with none.
        per_class: Coverage of the examples of each class, in label order; None where there are none.
    """

    n: int
    coverage: float
    size: float
    sizes: tuple[int, ...]
    singles: float
    empty: float
    per_class: tuple[float | None, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain numbers and lists, ready for JSON."""
        return {**dataclasses.asdict(self), "sizes": list(self.sizes), "per_class": list(self.per_class)}


def strangeness(probabilities: Probabilities, method: Method, seed: int) -> Floats:
    """Returns how strange each class is for each example, (n, c).

    Args:
        probabilities: (n, c), rows that sum to 1.
        method: `lac`, `aps` or `raps`.
        seed: Of the random part of `aps` and `raps`.

    Raises:
        ValueError: There is no such method.
    """
    if method not in get_args(Method):
        raise ValueError(f"There is no conformal method '{method}'; there are {', '.join(get_args(Method))}.")
    rows = np.asarray(probabilities, np.float64)
    if method == "lac":
        return -rows
    order = np.argsort(-rows, axis=1, kind="stable")
    ranked = np.take_along_axis(rows, order, axis=1)
    # Without a random part of a class's own probability, the last class always scores 1, and sets of two classes
    # hold both as soon as the classifier errs more often than sets may.
    draws = np.random.default_rng(seed).random((len(rows), 1))
    found = np.minimum(ranked.cumsum(axis=1), 1.0) - draws * ranked
    if method == "raps":
        found = found + PENALTY * np.maximum(np.arange(1, found.shape[1] + 1) - FREE_RANKS, 0)
    scores = np.empty_like(found)
    np.put_along_axis(scores, order, found, axis=1)
    return np.asarray(scores)


def fit_sets(
    labels: Labels,
    probabilities: Probabilities,
    coverage: float = COVERAGE,
    *,
    method: Method = "lac",
    by_class: bool = False,
    seed: int = 0,
) -> Conformal:
    """Returns the rule for sets that hold the right class as often as asked (split conformal prediction).

    If new examples are like these, and nothing was learned from these, sets hold the right class with at least that
    probability, and at most 1 / (n + 1) more where no two strangenesses are equal. Where there are too few examples
    for that, sets hold every class.

    Args:
        labels: Integers (n,) in 0..c-1 of examples nothing was learned from; n is at least 1.
        probabilities: (n, c), rows that sum to 1.
        coverage: Share, above 0 and below 1.
        method: `lac` has the smallest sets on average; those of `aps` and `raps` grow more with doubt, and hold the
            right class about as often for hard examples as for easy ones.
        by_class: Whether every class is promised the coverage by itself (Mondrian), which needs as many examples of
            each.
        seed: Of the random part of `aps` and `raps`.

    Raises:
        ValueError: Shapes, labels or probabilities are wrong, or the coverage or the method is not allowed.

    Example:
        >>> rule = fit_sets(np.zeros(9, int), np.tile([0.7, 0.3], (9, 1)), 0.9)
        >>> rule.sets(np.array([[0.7, 0.3], [0.5, 0.5]])).tolist()
        [[True, False], [False, False]]
    """
    if not 0 < coverage < 1:
        raise ValueError(f"A coverage of {coverage}; allowed is a share above 0 and below 1.")
    classes = np.asarray(probabilities).shape[-1]
    labels, rows = checked(labels, probabilities, classes=classes)
    scores = strangeness(rows, method, seed)[np.arange(len(labels)), labels]
    most = {"lac": 0.0, "aps": 1.0, "raps": 1.0 + PENALTY * max(classes - FREE_RANKS, 0)}[method]
    groups = [scores[labels == each] for each in range(classes)] if by_class else [scores]
    thresholds = tuple(_quantile(group, coverage, most) for group in groups)
    return Conformal(float(coverage), method, thresholds, len(labels))


def _quantile(scores: Floats, coverage: float, most: float) -> float:
    """Returns the score that the next one does not exceed as often as asked; the largest there is without enough."""
    rank = math.ceil((len(scores) + 1) * coverage - _FUZZ)
    return float(np.partition(scores, rank - 1)[rank - 1]) if rank <= len(scores) else most


def judge_sets(labels: Labels, sets: Sets) -> SetScores:
    """Scores prediction sets against labels.

    Args:
        labels: Integers (n,) in 0..c-1; n is at least 1.
        sets: Whether each class belongs to the set, (n, c).

    Example:
        >>> judge_sets(np.array([0, 1]), np.array([[True, True], [True, False]])).coverage
        0.5
    """
    held = sets[np.arange(len(labels)), labels]
    sizes = sets.sum(axis=1)
    counts = np.bincount(sizes, minlength=sets.shape[1] + 1)
    return SetScores(
        n=len(labels),
        coverage=float(held.mean()),
        size=float(sizes.mean()),
        sizes=tuple(counts.tolist()),
        singles=float(np.mean(sizes == 1)),
        empty=float(np.mean(sizes == 0)),
        per_class=tuple(_mean(held[labels == each]) for each in range(sets.shape[1])),
    )


def _mean(held: Sets) -> float | None:
    return float(held.mean()) if len(held) else None


def named(sets: Sets, names: Sequence[str]) -> list[list[str]]:
    """Returns the names of the classes in each set.

    Example:
        >>> named(np.array([[True, False], [False, False]]), ["cat", "dog"])
        [['cat'], []]
    """
    return [[names[at] for at in np.flatnonzero(row).tolist()] for row in sets]

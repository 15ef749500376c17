"""Which of several ways to adapt is to be trusted, judged without a label of the target.

A `Learner` turns labelled source and unlabelled target features into a head for each domain. Everything here asks it
anew on parts of the data, or the other way round, and looks at what comes out.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.adaptation.distances import domain_probabilities
from tlzoo.adaptation.heads import Linear

Features = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]

MOST_WEIGHT = 20.0
"""Largest importance weight, as a multiple of the mean: one example must not decide alone."""


@dataclasses.dataclass(frozen=True)
class Adapted:
    """Heads for features as they are, the maps of an alignment folded in.

    Attributes:
        source: For the source.
        target: For the target; what is served.
    """

    source: Linear
    target: Linear


Learner = Callable[[Features, Labels, Features], Adapted]
"""From source features (n, d), their labels (n,) and target features (m, d)."""


@dataclasses.dataclass(frozen=True)
class Domains:
    """What a choice may look at.

    Attributes:
        source: Features (n, d).
        labels: Their classes, integers (n,).
        target: Features (m, d).
        seed: Of the halves.
    """

    source: Features
    labels: Labels
    target: Features
    seed: int = 0

    @functools.cached_property
    def halves(self) -> tuple[Half, Half]:
        """Two disjoint halves of both domains, each class of the source in both."""
        known = _halves(self.labels, self.seed)
        others = _halves(np.zeros(len(self.target), np.int64), self.seed)
        first, second = (
            Half(at, self.source[at], self.labels[at], other, self.target[other])
            for at, other in zip(known, others, strict=True)
        )
        return first, second


@dataclasses.dataclass(frozen=True)
class Half:
    """One half of two domains.

    Attributes:
        rows: Which source examples it holds, int (h,).
        source: Their features (h, d).
        labels: Their classes, integers (h,).
        target_rows: Which target examples it holds, int (g,).
        target: Their features (g, d).
    """

    rows: npt.NDArray[np.int64]
    source: Features
    labels: Labels
    target_rows: npt.NDArray[np.int64]
    target: Features


@dataclasses.dataclass(frozen=True)
class Trust:
    """How far a way to adapt can be trusted; everything up to 1, and 0 for what guessing reaches.

    Attributes:
        validation: Cohen's kappa on the source: each half's source head on the other half. Told, and not counted.
        agreement: Cohen's kappa of both halves' target heads on the whole target.
        reverse: Cohen's kappa on the source of heads learned back from the target's pseudo-labels: each half's on the
            other half.
        weighted: Balanced accuracy of `validation`, examples weighed by how much they look like the target. Likewise.
    """

    validation: float
    agreement: float
    reverse: float
    weighted: float

    @property
    def total(self) -> float:
        """What a way's word weighs by: agreement times reverse, each at least 0."""
        return max(0.0, self.agreement) * max(0.0, self.reverse)

    def to_dict(self) -> dict[str, float]:
        """Returns plain numbers, ready for JSON."""
        return {**dataclasses.asdict(self), "total": self.total}


def trust(learner: Learner, domains: Domains, weights: Floats) -> Trust:
    """Judges a way to adapt without a label of the target.

    A way must not depend on which examples it happened to see (agreement: heads that err do so differently; Jiang et
    al., "Assessing generalization via disagreement", ICLR 2022), and must lead back (reverse validation: Zhong et al.,
    ECML 2010; Ganin et al., JMLR 2016). Either alone is deceived: a way that never decides agrees with itself, and one
    that remembers every example leads back whatever it says of the target. So they are multiplied. What a source head
    says of the source, weighed or not, says little of the target (`benchmarks/adaptation_rules.py`) and is only told.

    Args:
        learner: The way; it is asked once for each half, and once for each half the other way round.
        domains: The data.
        weights: Importance of the source examples (n,), from `importance`.
    """
    halves = domains.halves
    adapted = [learner(half.source, half.labels, half.target) for half in halves]
    pseudo = [each.target.decisions(domains.target) for each in adapted]
    said, back = np.zeros_like(domains.labels), np.zeros_like(domains.labels)
    for half, other, each, guessed in zip(halves, halves[::-1], adapted, pseudo, strict=True):
        said[other.rows] = each.source.decisions(other.source)
        back[other.rows] = led_back(learner, domains.target, guessed, half, other)
    return judge(domains.labels, (pseudo[0], pseudo[1]), said, back, weights)


def judge(
    labels: Labels, pseudo: tuple[Labels, Labels], said: Labels, back: Labels, weights: Floats
) -> Trust:
    """Returns the trust in what two halves have said.

    Args:
        labels: Classes of the source, integers (n,).
        pseudo: What each half's target head says of the whole target, integers (m,) each.
        said: What source heads say of the other half's examples, integers (n,).
        back: What heads led back from the target say of them, integers (n,).
        weights: Importance of the source examples (n,).
    """
    return Trust(
        kappa(labels, said), kappa(*pseudo), kappa(labels, back), weighted_validation(labels, said, weights)
    )


def led_back(learner: Learner, target: Features, pseudo: Labels, half: Half, other: Half) -> Labels:
    """Returns what is said of the other half's source examples by a head learned from the target's pseudo-labels.

    The target with its pseudo-labels becomes the source, the half's source without labels the target.

    Args:
        learner: The way.
        target: Features of the whole target (m, d).
        pseudo: What a half's target head says of it, integers (m,).
        half: The half that said so.
        other: The half that is judged by.
    """
    if len(np.unique(pseudo)) < 2:
        return np.full(len(other.rows), pseudo[0])
    return learner(target, pseudo, half.source).target.decisions(other.source)


def weighted_validation(labels: Labels, said: Labels, weights: Floats) -> float:
    """Returns balanced accuracy where every example weighs as much as it looks like the target.

    Sugiyama, Krauledat, Müller, "Covariate shift adaptation by importance weighted cross validation", JMLR 2007. It
    presumes that some source examples look like target ones; where a classifier tells the domains apart without an
    error, none does, and it says nothing.

    Args:
        labels: Integers (v,).
        said: Decisions, integers (v,).
        weights: (v,), not negative.
    """
    right = (labels == said).astype(np.float64)
    shares = [
        np.average(right[labels == each], weights=weights[labels == each] + 1e-12)
        for each in np.unique(labels)
    ]
    return float(np.mean(shares))


def importance(source: Features, target: Features, seed: int = 0) -> Floats:
    """Returns how much each source example looks like the target, with mean 1: density ratios (n,).

    Args:
        source: (n, d).
        target: (m, d).
        seed: Of the folds in which a domain classifier judges examples it has not seen.
    """
    domain = np.repeat([0, 1], [len(source), len(target)])
    chance = domain_probabilities(np.concatenate([source, target]), domain, seed)[: len(source)]
    ratio = chance / np.maximum(1.0 - chance, 1e-6)
    ratio = np.minimum(ratio / max(float(ratio.mean()), 1e-12), MOST_WEIGHT)
    return np.asarray(ratio / ratio.mean(), np.float64)


def consensus(probabilities: Sequence[Floats], trusts: Sequence[float]) -> list[float]:
    """Returns how far each way agrees with all of them together: Cohen's kappa, one a way.

    All together say the mean of their probabilities, each weighed by the square of its trust, so that what is hardly
    trusted hardly speaks. Ways err in ways of their own, so their mean errs less, and the one nearest to it is chosen:
    Hu et al., "Towards reliable model selection for unsupervised domain adaptation" (EnsV), 2024, who weigh all alike.

    Args:
        probabilities: Of each way for the same target examples, (m, c).
        trusts: `Trust.total` of each.

    Example:
        >>> sure, unsure = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.4, 0.6], [0.4, 0.6]])
        >>> consensus([sure, sure, unsure], [0.5, 0.5, 0.1])
        [1.0, 1.0, 0.0]
    """
    weights = np.square(np.asarray(trusts, np.float64)) + 1e-12  # where nothing is trusted, all speak alike
    together = np.average(np.stack(probabilities), axis=0, weights=weights).argmax(axis=1)
    return [kappa(each.argmax(axis=1), together) for each in probabilities]


def kappa(first: Labels, second: Labels) -> float:
    """Returns Cohen's kappa of two series of decisions; 0 where either never varies, which agrees by chance alone.

    Example:
        >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
        0.5
    """
    first, second = np.asarray(first), np.asarray(second)
    classes = int(max(first.max(), second.max())) + 1
    shares = [np.bincount(each, minlength=classes) / len(each) for each in (first, second)]
    if max(float(each.max()) for each in shares) == 1.0:
        return 0.0
    chance = float(shares[0] @ shares[1])
    return (float(np.mean(first == second)) - chance) / (1.0 - chance)


def _halves(labels: Labels, seed: int) -> list[npt.NDArray[np.int64]]:
    """Returns indices of two halves, each class in both where it has two examples."""
    random = np.random.default_rng(seed)
    parts: list[list[npt.NDArray[np.int64]]] = [[], []]
    for number, each in enumerate(np.unique(labels)):
        order = random.permutation(np.flatnonzero(labels == each))
        for half in (0, 1):
            parts[half].append(order[(half + number) % 2 :: 2] if len(order) > 1 else order)
    return [np.sort(np.concatenate(part)) for part in parts]

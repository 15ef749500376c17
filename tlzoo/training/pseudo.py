"""Pseudo-labels: what the model says of the test split's examples, taken for their labels where it is sure.

Lee, "Pseudo-Label", ICML workshop 2013; that confidences must be calibrated first, and that the easy class must not
crowd out the others: Zou et al., "Unsupervised Domain Adaptation for Semantic Segmentation via Class-Balanced
Self-Training", ECCV 2018, arXiv:1810.07911. Labels of the test split are never read here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tlzoo.backbones.weights import read_arrays, write_arrays
from tlzoo.metrics.calibration import fit_temperature, softmax
from tlzoo.plans import Phase, Pseudo
from tlzoo.training.context import Context
from tlzoo.training.feed import Examples
from tlzoo.training.head_path import Head
from tlzoo.training.passes import features_now

log = logging.getLogger("tlzoo")


@dataclass(frozen=True)
class PseudoLabels:
    """Examples that get a label.

    Attributes:
        index: Items, int64 (m,), ascending.
        labels: What they are taken for, int64 (m,).
        asked: How many examples there were to label.
        temperature: What logits were divided by to calibrate them.
    """

    index: np.ndarray
    labels: np.ndarray
    asked: int
    temperature: float

    def facts(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Returns what `pseudo.json` says of them."""
        counts = np.bincount(self.labels, minlength=len(names)).tolist()
        return {
            "examples": self.asked,
            "labelled": len(self.index),
            "counts": dict(zip(names, counts, strict=True)),
            "temperature": round(self.temperature, 4),
        }


def with_pseudo_labels(context: Context, phase: Phase, head: Head | None) -> Examples:
    """Returns the training examples of a phase: the training split, and what is sure of the test split.

    Args:
        context: With the backbone as the phase finds it.
        phase: Has `pseudo`.
        head: The head as the phase finds it.
    """
    assert phase.pseudo is not None  # noqa: S101 - the caller has looked
    found = _labelled(context, phase, head)
    facts = {**context.run.pseudo, phase.name: found.facts(context.task.class_names)}
    context.run.write_json("pseudo.json", facts)
    train = context.splits.train
    labels = np.concatenate([context.labels[train], found.labels])
    every = context.examples(np.concatenate([train, found.index]), weighted=True, labels=labels)
    scale = np.ones(len(every), np.float32)
    scale[len(train) :] = phase.pseudo.weight
    return replace(every, weights=every.weights * scale)


def _labelled(context: Context, phase: Phase, head: Head | None) -> PseudoLabels:
    """Labels examples, or reads what an interrupted run had labelled: its weights have moved since."""
    path = context.run.checkpoint(f"{phase.name}-labels")
    if path.is_file():
        kept = read_arrays(path)
        return PseudoLabels(kept["index"], kept["labels"], int(kept["asked"]), float(kept["temperature"]))
    assert phase.pseudo is not None and head is not None  # noqa: S101, PT018 - `Plan` refuses such a first phase
    judging, unlabelled = context.splits.validation, context.splits.test
    temperature = fit_temperature(head.logits(features_now(context, judging)), context.labels[judging])
    said = softmax(head.logits(features_now(context, unlabelled)), temperature)
    shares = context.task.targets(context.labels[context.splits.train]).mean(axis=0)
    chosen, labels = sure(said, shares, phase.pseudo)
    found = PseudoLabels(unlabelled[chosen].astype(np.int64), labels, len(unlabelled), temperature)
    numbers = {"asked": np.array(found.asked), "temperature": np.array(temperature)}
    write_arrays(path, {"index": found.index, "labels": found.labels, **numbers})
    log.info("%s: %d of %d examples of the test split are sure enough", phase.name, len(labels), found.asked)
    return found


def sure(probabilities: np.ndarray, shares: np.ndarray, pseudo: Pseudo) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows of examples that are sure enough, ascending, and their classes.

    No class gets more examples than its share of the training split says there are; the surest ones go first.

    Args:
        probabilities: (n, c), calibrated.
        shares: Of each class in the training split, (c,).
        pseudo: Says how sure is sure enough.
    """
    winners, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    chosen: list[int] = []
    for label, share in enumerate(shares):
        rows = np.flatnonzero((winners == label) & (confidence >= pseudo.confidence))
        rows = rows[np.argsort(-confidence[rows], kind="stable")]
        chosen += rows[: int(np.ceil(share * len(probabilities)))].tolist()
    rows = np.array(sorted(chosen), np.int64)
    return rows, winners[rows].astype(np.int64)

"""What a run's outputs are worth, by task: scores, what calibrates them, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlzoo.metrics import multilabel, regression
from tlzoo.metrics.calibration import fit_temperature, softmax
from tlzoo.metrics.classification import majority_scores, score

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Judgement:
    """What is said of a run.

    Attributes:
        metrics: For `metrics.json`.
        mistakes: The worst of the test split, each with `index` and `told(class_names)`.
    """

    metrics: dict[str, Any]
    mistakes: list[Any]


def judge(
    task: str, arrays: Arrays, train_labels: np.ndarray, names: Sequence[str], *, fresh: bool = True
) -> Judgement:
    """Judges outputs on the test split, after calibrating them on the validation split.

    Args:
        task: What was learned.
        arrays: `{split}_labels`, `{split}_logits` and `{split}_index` of validation and test.
        train_labels: Of the training split, for the baseline.
        names: Of the outputs, in their order.
        fresh: Whether nothing was learned from the validation split.
    """
    by_task = {"regression": _numbers, "multilabel": _sets, "classification": _classes}
    judgement = by_task[task](arrays, train_labels, names)
    if not fresh and "band" in judgement.metrics:
        judgement.metrics["band"]["guaranteed"] = False
    return judgement


def _classes(arrays: Arrays, train_labels: np.ndarray, names: Sequence[str]) -> Judgement:
    from tlzoo.evaluation.mistakes import worst_mistakes

    labels = arrays["test_labels"]
    temperature = fit_temperature(arrays["validation_logits"], arrays["validation_labels"])
    scores = {
        split: score(
            arrays[f"{split}_labels"], softmax(arrays[f"{split}_logits"], temperature), names
        ).to_dict()
        for split in ("validation", "test")
    }
    plain = score(labels, softmax(arrays["test_logits"], 1.0), names)
    metrics = {
        "temperature": temperature,
        **scores,
        "test_uncalibrated": {"log_loss": plain.log_loss, "ece": plain.ece},
        "majority": majority_scores(train_labels, labels, names).to_dict(),
    }
    probabilities = softmax(arrays["test_logits"], temperature)
    return Judgement(metrics, worst_mistakes(labels, probabilities, arrays["test_index"]))


def _numbers(arrays: Arrays, train_labels: np.ndarray, names: Sequence[str]) -> Judgement:
    from tlzoo.evaluation.task_mistakes import worst_numbers

    labels = {split: arrays[f"{split}_labels"] for split in ("validation", "test")}
    values = {split: arrays[f"{split}_logits"][:, 0].astype(np.float64) for split in labels}
    band = regression.fit_band(labels["validation"], values["validation"])
    inside = regression.coverage(labels["test"], values["test"], band)
    metrics = {
        "task": "regression",
        **{split: regression.score_values(labels[split], values[split]).to_dict() for split in labels},
        "baseline": regression.mean_scores(train_labels, labels["test"]).to_dict(),
        "band": {**band.to_dict(), "coverage": inside},
    }
    return Judgement(metrics, worst_numbers(labels["test"], values["test"], arrays["test_index"]))


def _sets(arrays: Arrays, train_labels: np.ndarray, names: Sequence[str]) -> Judgement:
    from tlzoo.evaluation.task_mistakes import worst_sets

    labels = {split: arrays[f"{split}_labels"] for split in ("validation", "test")}
    temperature = multilabel.fit_sigmoid_temperature(arrays["validation_logits"], labels["validation"])
    found = {split: multilabel.sigmoid(arrays[f"{split}_logits"], temperature) for split in labels}
    thresholds = multilabel.fit_thresholds(labels["validation"], found["validation"])
    plain = multilabel.cross_entropies(labels["test"], multilabel.sigmoid(arrays["test_logits"]))
    metrics = {
        "task": "multilabel",
        "temperature": temperature,
        "thresholds": thresholds,
        **{
            split: multilabel.score_sets(labels[split], found[split], thresholds, names).to_dict()
            for split in labels
        },
        "test_uncalibrated": {"log_loss": float(plain.mean())},
        "baseline": multilabel.commonest_scores(train_labels, labels["test"], names).to_dict(),
    }
    return Judgement(metrics, worst_sets(labels["test"], found["test"], thresholds, arrays["test_index"]))

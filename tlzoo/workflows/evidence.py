"""From what training gives to what a run folder proves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.backbones.weights import write_arrays
from tlzoo.metrics.calibration import fit_temperature, softmax
from tlzoo.metrics.classification import majority_scores, score

if TYPE_CHECKING:
    from tlzoo.training.context import Context
    from tlzoo.training.runner import Outcome


def write_evidence(context: Context, outcome: Outcome, started: float) -> None:
    """Writes predictions, metrics, mistakes, TensorBoard pages and the report.

    Args:
        context: What was trained on what.
        outcome: What training gave.
        started: `time.perf_counter()` when the run (or this sitting of it) began.
    """
    from tlzoo.data.convert import from_pillow, open_pillow
    from tlzoo.evaluation.mistakes import worst_mistakes, write_mistakes
    from tlzoo.evaluation.report import write_report
    from tlzoo.evaluation.tensorboard import write_evidence as write_boards

    labels, splits, names = context.labels, outcome.splits, context.task.class_names
    arrays: dict[str, np.ndarray] = {"test_features": outcome.features.astype(np.float32)}
    for split in ("validation", "test"):
        arrays[f"{split}_index"] = getattr(splits, split)
        arrays[f"{split}_labels"] = labels[getattr(splits, split)]
        arrays[f"{split}_logits"] = outcome.logits[split]
    write_arrays(context.run.path / "predictions.npz", arrays)
    temperature = fit_temperature(arrays["validation_logits"], arrays["validation_labels"])
    probabilities = softmax(arrays["test_logits"], temperature)

    def picture(item: Path) -> np.ndarray:
        with open_pillow(item) as image:
            return from_pillow(image)

    mistakes = worst_mistakes(arrays["test_labels"], probabilities, arrays["test_index"])
    write_mistakes(context.run.path, mistakes, context.dataset.items, names, picture, context.dataset.keys)
    metrics = _metrics(context, outcome, arrays, temperature)
    metrics["seconds"] = round(time.perf_counter() - started, 2)
    context.run.write_json("metrics.json", metrics)
    write_boards(context.run.path)
    write_report(context.run.path)


def _metrics(
    context: Context, outcome: Outcome, arrays: dict[str, np.ndarray], temperature: float
) -> dict[str, Any]:
    names, labels = context.task.class_names, context.labels
    scores = {
        split: score(
            arrays[f"{split}_labels"], softmax(arrays[f"{split}_logits"], temperature), names
        ).to_dict()
        for split in ("validation", "test")
    }
    plain = score(arrays["test_labels"], softmax(arrays["test_logits"], 1.0), names)
    majority = majority_scores(labels[outcome.splits.train], arrays["test_labels"], names)
    return {
        "temperature": temperature,
        **scores,
        "test_uncalibrated": {"log_loss": plain.log_loss, "ece": plain.ece},
        "majority": majority.to_dict(),
        "phases": outcome.seconds,
        "l2": outcome.l2,
        "params": int(outcome.model.count_params()),
    }

"""From what training gives to what a run folder proves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.backbones.weights import write_arrays
from tlzoo.workflows.judge import judge

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
    from tlzoo.evaluation.mistakes import write_mistakes
    from tlzoo.evaluation.overlays import write_overlays
    from tlzoo.evaluation.report import write_report
    from tlzoo.evaluation.tensorboard import write_evidence as write_boards
    from tlzoo.evaluation.trust import trust_of
    from tlzoo.workflows.heat_maps import overlays_of_mistakes
    from tlzoo.workflows.text_evidence import attribution, beginnings, explain_mistakes, seen_of_texts

    labels, splits, names = context.labels, outcome.splits, context.task.class_names
    arrays: dict[str, np.ndarray] = {"test_features": outcome.features.astype(np.float32)}
    for split in ("validation", "test"):
        arrays[f"{split}_index"] = getattr(splits, split)
        arrays[f"{split}_labels"] = labels[getattr(splits, split)]
        arrays[f"{split}_logits"] = outcome.logits[split]
    write_arrays(context.run.path / "predictions.npz", arrays)
    fresh = not np.isin(splits.validation, splits.train).any()
    judged = judge(context.task.name, arrays, labels[splits.train], names, fresh=fresh)

    def picture(item: Path) -> np.ndarray:
        with open_pillow(item) as image:
            return from_pillow(image)

    is_text = context.dataset.modality == "text"
    items, keys = context.dataset.items, context.dataset.keys
    pushes = []
    told: dict[str, Any] = {"texts": seen_of_texts(context)} if is_text else {}
    told |= {"pseudo": pseudo} if (pseudo := context.run.pseudo) else {}
    if is_text and context.task.name == "classification":
        pushes = explain_mistakes(context, outcome.model, judged.mistakes, judged.metrics["temperature"])
        told["attribution"] = attribution(judged.mistakes)
    write_mistakes(context.run.path, judged.mistakes, items, names, picture, keys, pushes)
    if not is_text and context.task.name == "classification":
        overlays, how = overlays_of_mistakes(context, outcome.model, judged.mistakes)
        write_overlays(context.run.path, overlays)
        told |= {"heat_maps": how} if how else {}
    if context.task.name == "classification":
        told["trust"] = trust_of(arrays, judged.metrics["temperature"], fresh=fresh)
    metrics = {
        **judged.metrics,
        **told,
        "phases": outcome.seconds,
        "l2": outcome.l2,
        "params": int(outcome.model.count_params()),
        "seconds": round(time.perf_counter() - started, 2),
    }
    context.run.write_json("metrics.json", metrics)
    write_boards(context.run.path, texts=beginnings(context, arrays["test_index"]) if is_text else None)
    write_report(context.run.path)

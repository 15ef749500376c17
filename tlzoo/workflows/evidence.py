"""From what training gives to what a run folder proves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.backbones.weights import write_arrays
from tlzoo.workflows.judge import Judgement, judge

if TYPE_CHECKING:
    from tlzoo.training.context import Context
    from tlzoo.training.runner import Outcome


@dataclass(frozen=True)
class Known:
    """What is known of a run before its report is made.

    Attributes:
        arrays: For `predictions.npz`.
        judged: Scores and the worst mistakes.
        metrics: For `metrics.json`, as far as logits tell.
    """

    arrays: dict[str, np.ndarray]
    judged: Judgement
    metrics: dict[str, Any]


def know(context: Context, outcome: Outcome) -> Known:
    """Judges what training gave by its logits alone, which takes no time.

    Args:
        context: What was trained on what.
        outcome: What training gave.
    """
    from tlzoo.evaluation.trust import trust_of

    labels, splits, names = context.labels, outcome.splits, context.task.class_names
    arrays: dict[str, np.ndarray] = {"test_features": outcome.features.astype(np.float32)}
    for split in ("validation", "test"):
        arrays[f"{split}_index"] = getattr(splits, split)
        arrays[f"{split}_labels"] = labels[getattr(splits, split)]
        arrays[f"{split}_logits"] = outcome.logits[split]
    fresh = not np.isin(splits.validation, splits.train).any()
    judged = judge(context.task.name, arrays, labels[splits.train], names, fresh=fresh)
    told: dict[str, Any] = {"phases": outcome.seconds, "l2": outcome.l2}
    if context.task.name == "classification":
        told["trust"] = trust_of(arrays, judged.metrics["temperature"], fresh=fresh)
    return Known(arrays, judged, {**judged.metrics, **told})


def write_evidence(context: Context, outcome: Outcome, started: float, known: Known | None = None) -> None:
    """Writes predictions, metrics, mistakes, TensorBoard pages and the report.

    Args:
        context: What was trained on what.
        outcome: What training gave.
        started: `time.perf_counter()` when the run (or this sitting of it) began.
        known: What `know` said of it, if it was asked already.
    """
    from tlzoo.data.convert import from_pillow, open_pillow
    from tlzoo.evaluation.mistakes import write_mistakes
    from tlzoo.evaluation.overlays import write_overlays
    from tlzoo.evaluation.report import write_report
    from tlzoo.evaluation.tensorboard import write_evidence as write_boards
    from tlzoo.workflows.heat_maps import overlays_of_mistakes
    from tlzoo.workflows.text_evidence import attribution, beginnings, explain_mistakes, seen_of_texts

    known = known or know(context, outcome)
    names, judged = context.task.class_names, known.judged
    write_arrays(context.run.path / "predictions.npz", known.arrays)

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
    metrics = {
        **known.metrics,
        **told,
        "params": int(outcome.model.count_params()),
        "seconds": round(time.perf_counter() - started, 2),
    }
    context.run.write_json("metrics.json", metrics)
    write_boards(context.run.path, texts=beginnings(context, known.arrays["test_index"]) if is_text else None)
    write_report(context.run.path)

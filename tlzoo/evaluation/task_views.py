"""What reports show of numbers, and of sets of labels, as plain values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tlzoo.evaluation.record import RunRecord
from tlzoo.evaluation.svg import scatter_chart
from tlzoo.metrics.bootstrap import metric_interval

#: Most rows of a table that is not folded away.
LONGEST_TABLE = 30

View = dict[str, Any]


def of_numbers(record: RunRecord) -> View:
    """Returns the sections of a regression's report that other reports do not have."""
    seen, values = record.predictions("test"), record.answers("test")
    band = record.metrics["band"]
    return {
        "headline": _numbers_headline(record),
        "scores": _rows(record, "Mean of the training labels, on test"),
        "scatter": scatter_chart("Predicted over true numbers", seen.labels, values, band["radius"]),
        "band": band,
        "ranges": _ranges(record),
    }


def of_sets(record: RunRecord) -> View:
    """Returns the sections of a multilabel report that other reports do not have."""
    seen, scores = record.predictions("test"), record.answers("test")
    found = {
        name: metric_interval(seen.labels, scores, name, task="multilabel")
        for name in ("macro_f1", "mean_average_precision")
    }
    baseline = record.scores("baseline")
    rows = list(record.test.per_label)
    weakest = sorted(rows, key=lambda row: (math.inf if row.f1 is None else row.f1, -row.n))
    return {
        "headline": {
            "macro_f1": found["macro_f1"],
            "precision": found["mean_average_precision"],
            "chance": baseline.mean_average_precision,
            "n": len(seen.labels),
            "rivals": [{"name": "Always the commonest set of labels", "value": baseline.macro_f1}],
        },
        "scores": _rows(record, "Commonest set of labels, on test"),
        "labels": {"rows": rows, "weakest": weakest[:LONGEST_TABLE] if len(rows) > LONGEST_TABLE else []},
    }


def _numbers_headline(record: RunRecord) -> View:
    seen, values = record.predictions("test"), record.answers("test")
    rmse = metric_interval(seen.labels, values, "rmse", task="regression")
    baseline = record.scores("baseline")
    defined = record.test.r2 is not None
    return {
        "rmse": rmse,
        "r2": metric_interval(seen.labels, values, "r2", task="regression") if defined else None,
        "n": len(seen.labels),
        "rivals": [{"name": "Always the mean of the training labels", "value": baseline.rmse}],
        "most": max(rmse.high, baseline.rmse) or 1.0,
    }


def _rows(record: RunRecord, baseline: str) -> list[tuple[str, Any]]:
    named = {"Test": "test", "Validation": "validation", baseline: "baseline"}
    return [(title, record.scores(key)) for title, key in named.items() if record.metrics.get(key)]


def _ranges(record: RunRecord) -> list[View]:
    """Returns where the labels of each split lie."""
    found = []
    for split in ("train", "validation", "test"):
        labels = np.array([float(row["label"]) for row in record.splits if row["split"] == split])
        if len(labels):
            ends = {
                "least": labels.min(),
                "median": np.median(labels),
                "mean": labels.mean(),
                "most": labels.max(),
            }
            found.append({"split": split, "n": len(labels), **{key: float(end) for key, end in ends.items()}})
    return found

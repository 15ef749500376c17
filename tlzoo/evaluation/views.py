"""What a report shows, as plain values: each function turns a run's record into one section."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from tlzoo.errors import RunError
from tlzoo.evaluation.record import RunRecord
from tlzoo.evaluation.svg import Band, Series, line_chart, reliability_chart
from tlzoo.evaluation.texts import fact_rows, remarks
from tlzoo.metrics.bootstrap import metric_interval, paired_difference
from tlzoo.metrics.calibration import reliability, softmax
from tlzoo.metrics.classification import Scores, confusion_counts
from tlzoo.plans import Phase, Plan

#: Most classes for which the whole confusion matrix is drawn.
WIDEST_MATRIX = 16
#: What is drawn beside the loss, by task: title, key in the log, whether it is a share.
SHOWN = {
    "classification": ("Accuracy", "accuracy", True),
    "multilabel": ("Accuracy of labels", "label_accuracy", True),
    "regression": ("Mean absolute error", "mae", False),
}
#: Most rows of a table that is not folded away.
LONGEST_TABLE = 30

View = dict[str, Any]


def headline(record: RunRecord) -> View:
    """Returns the test accuracy with its interval, and what it must be seen beside."""
    seen = record.predictions("test")
    found = metric_interval(seen.labels, record.probabilities("test"))
    rivals: list[View] = [
        {"name": "Always the most common class", "value": record.scores("majority").accuracy}
    ]
    if scratch := _scratch(record):
        rivals.append({"name": "Same network from scratch", "value": scratch.test.accuracy})
    return {
        "accuracy": found,
        "n": len(seen.labels),
        "rivals": rivals,
        "gain": found.estimate - rivals[0]["value"],
        "scratch": _gain_over(record, scratch) if scratch else None,
    }


def _scratch(record: RunRecord) -> RunRecord | None:
    named = record.config.get("scratch")
    if not isinstance(named, str):
        return None
    try:
        return RunRecord.read(record.path / Path(named))
    except RunError:
        return None  # the run was moved or deleted; the report does without it


def _gain_over(record: RunRecord, scratch: RunRecord) -> Any:
    mine, other = record.predictions("test"), scratch.predictions("test")
    if not np.array_equal(mine.index, other.index):
        return None
    return paired_difference(mine.labels, record.probabilities("test"), scratch.probabilities("test"))


def scores(record: RunRecord) -> list[tuple[str, Scores]]:
    """Returns the rows of the table of scores."""
    named = {"Test": "test", "Validation": "validation", "Most common class, on test": "majority"}
    return [(title, record.scores(key)) for title, key in named.items() if record.metrics.get(key)]


def curves(record: RunRecord) -> View:
    """Returns the training curves over all phases, and the learning rate of each stage."""
    log, bands = record.log, phase_bands(record.log)
    title, shown, share = SHOWN[record.task]

    def line(key: str, name: str, style: str) -> Series:
        return Series(name, [row.get(key) for row in log], style)

    charts = [
        (
            "Loss",
            line_chart(
                "Loss over epochs",
                [
                    line("loss", "training", "series train"),
                    line("val_loss", "validation", "series validation"),
                ],
                bands,
            ),
        ),
        (
            title,
            line_chart(
                f"{title} over epochs",
                [
                    line(shown, "training", "series train"),
                    line(f"val_{shown}", "validation", "series validation"),
                ],
                bands,
                percent=share,
            ),
        ),
    ]
    stages = list(dict.fromkeys(stage for row in log for stage in row.get("rates", {})))
    hues = [f"hsl({215 + 190 * i / max(len(stages) - 1, 1):.0f} 62% 55%)" for i in range(len(stages))]
    rates = [
        Series(stage, [row.get("rates", {}).get(stage) for row in log], "series rate", hue)
        for stage, hue in zip(stages, hues, strict=True)
    ]
    return {
        "charts": [(title, chart) for title, chart in charts if chart],
        "rates": line_chart("Learning rate of each stage over epochs", rates, bands, log=True),
        "stages": list(zip(stages, hues, strict=True)),
    }


def phase_bands(log: Sequence[Mapping[str, Any]]) -> list[Band]:
    """Returns the stretch of epochs that belongs to each phase, in order."""
    bands: list[Band] = []
    for epoch, row in enumerate(log):
        name = str(row.get("phase", ""))
        if bands and bands[-1].name == name:
            bands[-1] = Band(name, bands[-1].start, epoch + 1)
        else:
            bands.append(Band(name, epoch, epoch + 1))
    return bands


def confusion(record: RunRecord) -> View:
    """Returns the matrix with row shares if it can be read, and the commonest confusions if it cannot."""
    seen, names = record.predictions("test"), record.class_names
    counts = confusion_counts(seen.labels, seen.logits.argmax(axis=1), len(names))
    rows = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if len(names) <= WIDEST_MATRIX:
        cells = [
            list(zip(row, shares, strict=True))
            for row, shares in zip(counts.tolist(), (counts / rows).tolist(), strict=True)
        ]
        return {"matrix": list(zip(names, cells, strict=True)), "names": names, "top": []}
    label, predicted = np.nonzero(counts * (1 - np.eye(len(names), dtype=np.int64)))
    n, of = counts[label, predicted], rows[label, 0]
    order = np.lexsort((-n / of, -n))[:LONGEST_TABLE]
    top = [
        {
            "label": names[label[k]],
            "predicted": names[predicted[k]],
            "n": int(n[k]),
            "of": int(of[k]),
            "back": int(counts[predicted[k], label[k]]),
        }
        for k in order
    ]
    return {"matrix": [], "names": names, "top": top}


def calibration(record: RunRecord) -> list[View]:
    """Returns the reliability of the test split before and after temperature scaling."""
    seen = record.predictions("test")
    views = []
    for title, temperature in (("Before", 1.0), ("After", record.temperature)):
        found = reliability(seen.labels, softmax(seen.logits, temperature))
        chart = reliability_chart(f"Reliability, {title.lower()} temperature scaling", found)
        views.append({"title": title, "temperature": temperature, "ece": found.ece, "chart": chart})
    return views


def classes(record: RunRecord) -> View:
    """Returns the rows of the per-class table, and of its shorter version if there are many."""
    rows = list(record.test.per_class)
    weakest = sorted(rows, key=lambda row: (math.inf if row.f1 is None else row.f1, -row.n))
    return {"rows": rows, "weakest": weakest[:LONGEST_TABLE] if len(rows) > LONGEST_TABLE else []}


def data(record: RunRecord) -> View:
    """Returns the facts about the data: sizes, classes, skipped files."""
    facts, names = record.config.get("data", {}), record.class_names
    sizes = Counter(row["split"] for row in record.splits)
    by_class = Counter(
        (name, row["split"]) for row in record.splits for name in _class_names(row["label"], record)
    )
    parts = [part for part in ("train", "validation", "test") if sizes[part]]
    rows = [(name, [by_class[name, part] for part in parts]) for name in names]
    totals = sorted(sum(counts) for _, counts in rows)
    skipped = [_skipped(entry) for entry in facts.get("skipped", [])]
    return {
        "facts": facts,
        "parts": parts,
        "sizes": [sizes[part] for part in parts],
        "rows": rows,
        "most": max(totals, default=0) or 1,
        "totals": totals,
        "median": round(float(np.median(totals or [0]))),
        "skipped": skipped,
        "groups": len({row.get("group") for row in record.splits} - {"", None}),
        "texts": fact_rows(record.metrics.get("texts")),
        "remarks": remarks(record.metrics.get("texts"), record.card.input.length),
    }


def _class_names(label: str, record: RunRecord) -> Sequence[str]:
    """Returns what an item counts for: its class, each of its labels, or the one number."""
    if record.task == "multilabel":
        return label.split(";") if label else ()
    return record.class_names if record.task == "regression" else (_class_name(label, record.class_names),)


def _class_name(label: str, names: Sequence[str]) -> str:
    if label in names or not label.isdecimal() or int(label) >= len(names):
        return label
    return names[int(label)]


def _skipped(entry: Any) -> tuple[str, str]:
    if isinstance(entry, Mapping):
        return str(entry.get("item", "")), str(entry.get("reason", ""))
    if isinstance(entry, (list, tuple)) and len(entry) == 2:
        return str(entry[0]), str(entry[1])
    return str(entry), ""


def plan(record: RunRecord) -> View:
    """Returns the phases side by side: settings that are on as rows, and the names of those that are off."""
    phases = record.plan.phases
    trained = Counter(str(row.get("phase")) for row in record.log)
    table: dict[str, list[str]] = {}
    off = []
    for setting in Phase.model_fields:
        if setting in {"name", "trains"}:
            continue
        shown = [
            "" if setting in phase.unsaid else _setting(setting, getattr(phase, setting)) for phase in phases
        ]
        if any(shown):
            table[setting.replace("_", " ")] = [value or "off" for value in shown]
        else:
            off.append(setting.replace("_", " "))
    seconds = record.metrics.get("phases")
    if isinstance(seconds, Mapping):
        table["seconds"] = [f"{seconds.get(phase.name, 0):.1f}" for phase in phases]
    table["epochs"] = [f"{trained[phase.name]} of {phase.epochs}" for phase in phases]
    return {"names": [phase.name for phase in phases], "table": table, "off": off, "seen": _seen(record.plan)}


def _seen(plan: Plan) -> str:
    """Says what of an example was looked at."""
    if plan.size != (0, 0):
        return f"{plan.size[0]} × {plan.size[1]} pixels, resized by {plan.resize}"
    if not plan.length:
        return "Whole texts"
    kept = {"head": "the beginning of", "head_tail": "beginning and end of", "chunks": "all of, in chunks,"}
    return f"Up to {plan.length} tokens, {kept[plan.long_text]} longer texts"


def _setting(name: str, value: Any) -> str:
    if name == "rates":
        return "\n".join(f"{stage} {rate:g}" for stage, rate in value.items())
    if name == "augment":
        changes = value.model_dump(exclude_defaults=True) | {"flip": value.flip}
        words = [
            f"{key.replace('_', ' ')} {'' if inner is True else inner}".strip()
            for key, inner in changes.items()
        ]
        return ", ".join(words) if value.active else ""
    if isinstance(value, BaseModel):
        return ", ".join(f"{key} {inner}" for key, inner in value if inner not in (0, ()))
    if isinstance(value, tuple):
        return ", ".join(f"{each:g}" for each in value)
    return "" if value in (0, False, None) else f"{value:g}" if isinstance(value, float) else str(value)


def reproduction(record: RunRecord) -> View:
    """Returns everything needed to do it again."""
    config = record.config
    command = config.get("command", "")
    return {
        "command": command if isinstance(command, str) else shlex.join(map(str, command)),
        "rows": [
            ("Seed", config.get("seed", record.plan.seed)),
            ("Data fingerprint", config.get("data", {}).get("fingerprint", "")),
            ("Weights hash", config.get("weights_hash", "")),
            ("Plan digest", record.plan.digest),
            (
                "Versions",
                ", ".join(f"{name} {version}" for name, version in config.get("versions", {}).items()),
            ),
        ],
    }

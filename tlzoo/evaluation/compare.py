"""Runs side by side: who wins, by how much, and whether that is more than luck."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tlzoo.errors import UsageError
from tlzoo.evaluation.record import RunRecord
from tlzoo.metrics import resampled
from tlzoo.metrics.bootstrap import Interval, metric_interval, paired_difference, unpaired_difference


@dataclasses.dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        run: Its folder.
        recipe: How it was trained.
        backbone: Name of the card.
        value: The metric on the test split, with its interval.
        n: Test examples.
        seconds: Time it took, if it was recorded.
        params: Weights of the model, or of its backbone if only those were counted.
        epochs: Epochs trained, over all phases.
    """

    run: str
    recipe: str
    backbone: str
    value: Interval
    n: int
    seconds: float | None
    params: int
    epochs: int


@dataclasses.dataclass(frozen=True)
class Pair:
    """A run against the best one.

    Attributes:
        run: The run's folder.
        best: The best run's folder.
        difference: Metric of the run minus metric of the best.
        paired: True if both were measured on the same test examples.
        verdict: The difference in words.
    """

    run: str
    best: str
    difference: Interval
    paired: bool
    verdict: str


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Runs, best first, and how each compares with the best.

    Attributes:
        metric: What was compared.
        rows: Best first.
        pairs: Every other run against the first row, in the order of the rows.
        transductive: Runs that looked at the test split's examples while training.
    """

    metric: str
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    transductive: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """One sentence: who wins, and over whom that is beyond noise."""
        best, looked = self.rows[0].run, self._looked()
        if not self.pairs:
            return f"{best} is the only run.{looked}"
        ties = [pair.run for pair in self.pairs if not pair.difference.excludes_zero]
        if not ties:
            others = "the other run" if len(self.pairs) == 1 else f"all {len(self.pairs)} others"
            return f"{best} wins: better than {others}, beyond noise.{looked}"
        return f"{best} leads, but within noise of {', '.join(ties)}.{looked}"

    def _looked(self) -> str:
        if not self.transductive:
            return ""
        runs = ", ".join(self.transductive)
        return f" These runs looked at the test examples while training, which the others did not: {runs}."

    def to_dict(self) -> dict[str, Any]:
        """Returns plain dictionaries, lists and numbers, ready for JSON."""
        return {
            "metric": self.metric,
            "best": self.rows[0].run,
            "verdict": self.verdict,
            "runs": [dataclasses.asdict(row) for row in self.rows],
            "pairs": [dataclasses.asdict(pair) for pair in self.pairs],
            "transductive": list(self.transductive),
        }


def compare(records: Sequence[RunRecord], metric: str | None = None) -> Comparison:
    """Compares runs on their test splits.

    Runs that were tested on the same examples (same data fingerprint, same test indices) are compared in
    pairs, which sees smaller differences; others as independent samples.

    Args:
        records: At least 1.
        metric: One of `tlzoo.metrics.resampled.OF_TASK` of the runs' task; by default its first.

    Raises:
        UsageError: There is no run, or they learned different tasks.
        UnknownNameError: There is no such metric.
        RunError: A run's files cannot be read.
    """
    if not records:
        raise UsageError("0 runs came in.", allowed="1 or more.", do="Name the folders of finished runs.")
    task = _one_task(records)
    metric = metric or next(iter(resampled.OF_TASK[task]))
    entries = [(_row(record, metric), record) for record in records]
    sign = 1 if resampled.lower_is_better(metric) else -1
    entries.sort(key=lambda entry: sign * entry[0].value.estimate)
    best = entries[0][1]
    pairs = tuple(_pair(record, best, metric) for _, record in entries[1:])
    looked = tuple(row.run for row, record in entries if record.plan.transductive)
    return Comparison(metric, tuple(row for row, _ in entries), pairs, looked)


def _one_task(records: Sequence[RunRecord]) -> str:
    for record in records:
        if record.task != records[0].task:
            raise UsageError(
                f"'{records[0].path}' learned {records[0].task}, and '{record.path}' {record.task}.",
                allowed="runs of one task.",
                do="Compare those of each task by themselves.",
            )
    return records[0].task


def _row(record: RunRecord, metric: str) -> Row:
    seen = record.predictions("test")
    seconds = record.metrics.get("seconds")
    return Row(
        run=str(record.path),
        recipe=record.plan.recipe,
        backbone=record.card.name,
        value=metric_interval(seen.labels, record.answers("test"), metric, task=record.task),
        n=len(seen.labels),
        seconds=None if seconds is None else float(seconds),
        params=int(record.metrics.get("params") or record.card.params),
        epochs=len(record.log),
    )


def _pair(record: RunRecord, best: RunRecord, metric: str) -> Pair:
    order, best_order = _aligned(record, best)
    mine, theirs = record.predictions("test"), best.predictions("test")
    p, q = record.answers("test"), best.answers("test")
    paired = order is not None
    if paired:
        difference = paired_difference(mine.labels[order], p[order], q[best_order], metric, task=record.task)
    else:
        difference = unpaired_difference((mine.labels, p), (theirs.labels, q), metric, task=record.task)
    note = "" if paired else "; unpaired: the test examples differ"
    return Pair(str(record.path), str(best.path), difference, paired, verdict(difference, metric) + note)


def _aligned(a: RunRecord, b: RunRecord) -> tuple[Any, Any]:
    """Returns the orders that put the test examples of both in line, or Nones if they differ."""
    prints = [record.config.get("data", {}).get("fingerprint") for record in (a, b)]
    one, two = (record.predictions("test") for record in (a, b))
    orders = np.argsort(one.index, kind="stable"), np.argsort(two.index, kind="stable")
    same = (
        prints[0] is not None
        and prints[0] == prints[1]
        and a.class_names == b.class_names
        and np.array_equal(one.index[orders[0]], two.index[orders[1]])
    )
    return orders if same else (None, None)


def verdict(difference: Interval, metric: str) -> str:
    """Returns a difference in words.

    Args:
        difference: Metric of one run minus metric of another.
        metric: One of `tlzoo.metrics.resampled.METRICS`; shares are told in percentage points.

    Example:
        >>> verdict(Interval(0.021, 0.004, 0.038), "accuracy")
        'better by 2.1 points [0.4, 3.8]'
        >>> verdict(Interval(0.002, -0.004, 0.009), "accuracy")
        'within noise: +0.2 points [-0.4, 0.9]'
    """
    shares = resampled.is_share(metric)
    scale, unit, digits = (100, " points", 1) if shares else (1, " nats" if metric == "log_loss" else "", 3)
    value, low, high = (scale * end for end in (difference.estimate, difference.low, difference.high))
    if difference.low == difference.high == 0:
        return "no difference"
    if not difference.excludes_zero:
        return f"within noise: {value:+.{digits}f}{unit} [{low:.{digits}f}, {high:.{digits}f}]"
    better = (value > 0) != resampled.lower_is_better(metric)
    ends = sorted((abs(low), abs(high)))
    word = "better" if better else "worse"
    return f"{word} by {abs(value):.{digits}f}{unit} [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"


def render_table(comparison: Comparison) -> str:
    """Returns the comparison as plain text: a table, then one sentence."""
    header = [
        "run",
        "recipe",
        "backbone",
        f"test {comparison.metric}",
        "95% interval",
        "n",
        "seconds",
        "params",
        "epochs",
        "against the best",
    ]
    verdicts = {pair.run: pair.verdict for pair in comparison.pairs}
    rows = [header, *([*_cells(row, comparison.metric, verdicts)] for row in comparison.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    right = {3, 5, 6, 7, 8}
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, "", comparison.verdict, ""])


def _cells(row: Row, metric: str, verdicts: dict[str, str]) -> list[str]:
    value = row.value
    shares = resampled.is_share(metric)
    scale, form, unit = (100, ".1f", "%") if shares else (1, ".3f", "")
    mean, low, high = (f"{scale * end:{form}}{unit}" for end in (value.estimate, value.low, value.high))
    seconds = "-" if row.seconds is None else f"{row.seconds:,.0f}"
    return [
        row.run,
        row.recipe,
        row.backbone,
        mean,
        f"{low} to {high}",
        f"{row.n:,}",
        seconds,
        f"{row.params / 1e6:.1f}M",
        str(row.epochs),
        verdicts.get(row.run, "best"),
    ]

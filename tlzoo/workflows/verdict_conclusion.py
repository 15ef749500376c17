"""From cells to a verdict: intervals, the word, what to be careful about, and what to try."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.metrics.bootstrap import Interval
from tlzoo.metrics.learning_curve import LEAST_SIZES, CatchUp, catch_up
from tlzoo.metrics.transfer import Word, gain, resample, word
from tlzoo.recipes.baselines import Mitigation, Seen, mitigations
from tlzoo.workflows.prepare import facts_of
from tlzoo.workflows.request import Request, command_of
from tlzoo.workflows.verdict_answer import Advice, Point, Row, Verdict
from tlzoo.workflows.verdict_cells import Cells, aligned
from tlzoo.workflows.verdict_parts import better, metric_of
from tlzoo.workflows.verdict_trials import Trials, told

CURVES = 300
"""Resamples that curves are fitted to."""


def conclude(trials: Trials, margin: float, tried: Sequence[Mitigation] = ()) -> Verdict:
    """Returns what the cells that are done say.

    Args:
        trials: All cells.
        margin: Gains up to this are called neutral.
        tried: Mitigations that were tried.
    """
    cells, scratch = trials.cells, trials.scratch
    assert scratch is not None  # noqa: S101 - it is settled first
    aligned(list(trials.found.values()))
    found = _gain(trials, "run", "scratch")
    rows = _rows(trials, tried)
    said, cautions = _careful(trials, found, rows, margin)
    named = advised(trials, rows, margin)
    return Verdict(
        run=str(cells.run.path),
        data=cells.dataset.name,
        metric=metric_of(cells.task),
        unit=cells.unit,
        word=said,
        gain=found,
        margin=margin,
        tested=len(trials.own.index),
        rows=rows,
        curve=_curve(trials),
        catch_up=_catch_up(trials),
        could_gain=scratch.could_gain,
        cautions=cautions,
        missing=told(trials.missing),
        advice=tuple(_told(each, cells, tried) for each in named),
        seconds=round(trials.budget.spent, 1),
        budget=trials.budget.seconds,
    )


def advised(trials: Trials, rows: Sequence[Row] | None = None, margin: float = 0.0) -> tuple[Mitigation, ...]:
    """Returns what is worth trying where transfer gained nothing; nothing before that is known.

    Args:
        trials: All cells.
        rows: Run, scratch and probe, if they are made already.
        margin: Gains up to this are none.
    """
    found = _gain(trials, "run", "scratch")
    if found is None or (found.low > 0 and found.high > margin):
        return ()
    return _advice(trials, rows or _rows(trials, ()))


def _rows(trials: Trials, tried: Sequence[Mitigation]) -> tuple[Row, ...]:
    run, card = trials.cells.run.folder, trials.cells.run.folder.card
    known = {
        "run": f"{run.plan.recipe} with {card.name}",
        "scratch": f"the same network from random weights, rate {trials.scratch.rate:g}"
        if trials.scratch
        else "",
        "probe": f"a linear head on frozen features of {card.name}",
        **{each.name: f"{each.recipe} with {each.backbone}" for each in tried},
    }
    rows = [_row(trials, name, how) for name, how in known.items() if trials.done(name)]
    baseline = run.metrics["majority" if trials.cells.task == "classification" else "baseline"]
    value = float(baseline[metric_of(trials.cells.task)])
    names = {
        "classification": "the commonest class",
        "multilabel": "the commonest set",
        "regression": "the mean",
    }
    return (*rows, Row("majority", f"always {names[trials.cells.task]}", value, 1))


def _row(trials: Trials, name: str, how: str) -> Row:
    done = trials.done(name)
    values = resample([trials.statistics(name)], len(done[0].index), 0, resamples=1)
    others = name not in ("run", "scratch", "probe")
    return Row(
        name,
        how,
        float(values[0, 0]),
        len(done),
        None if name == "scratch" else _gain(trials, name, "scratch"),
        float(np.mean([cell.told.training for cell in done])),
        float(np.mean([cell.told.epochs for cell in done])),
        _gain(trials, name, "run") if others else None,
    )


def _gain(trials: Trials, name: str, over: str, share: float = 1.0) -> Interval | None:
    mine, theirs = trials.statistics(name, share), trials.statistics(over, share)
    if min(len(mine), len(theirs)) < 2:
        return None
    task, n = trials.cells.task, len(trials.own.index)
    return gain(mine, theirs, n, lower_is_better=better(task) < 0, unit=trials.cells.unit)


def _careful(
    trials: Trials, found: Interval | None, rows: Sequence[Row], margin: float
) -> tuple[Word, tuple[str, ...]]:
    """Returns the word, and what to keep in mind."""
    said: Word = "neutral" if found is None else word(found, margin)
    cautions, scratch = [], trials.scratch
    by_name = {row.name: row for row in rows}
    if scratch and scratch.short and scratch.could_gain > 0:
        last = "doubling of its epochs" if scratch.doubled else "half of its epochs"
        cautions.append(
            f"Scratch was still gaining when its time was up: {100 * scratch.could_gain:.1f} points of the validation "
            f"split by the last {last}. A larger budget would tell more."
        )
        if said == "positive" and found and found.low <= scratch.could_gain:
            said = "neutral"
            cautions.append("It may yet catch up, so the gain is not called positive.")
    sign, level = better(trials.cells.task), by_name["majority"].value
    above = [
        sign * (by_name[name].value - level) / trials.cells.unit
        for name in ("run", "scratch")
        if name in by_name
    ]
    if max(above) <= margin:
        said = "neutral"
        cautions.append(f"Neither has learned more than {by_name['majority'].told}.")
    elif said == "positive" and above[0] <= 0:
        said = "neutral"
        cautions.append(f"The run has learned no more than {by_name['majority'].told}.")
    if (
        (mine := by_name["run"].training)
        and (theirs := by_name.get("scratch"))
        and (theirs.training or 0) < mine
    ):
        cautions.append(
            f"Scratch trained for {theirs.training or 0:.0f} s, less than the run's {mine:.0f} s."
        )
    return said, tuple(cautions)


def _curve(trials: Trials) -> tuple[Point, ...]:
    points = []
    for share in (*sorted(trials.shares), 1.0):
        done = [trials.done(name, share) for name in ("run", "scratch")]
        if not all(done):
            continue
        values = resample(
            [trials.statistics(name, share) for name in ("run", "scratch")],
            len(trials.own.index),
            0,
            resamples=1,
        )
        points.append(
            Point(
                share,
                done[0][0].told.examples,
                min(map(len, done)),
                float(values[0, 0]),
                float(values[1, 0]),
                _gain(trials, "run", "scratch", share),
            )
        )
    return tuple(points)


def _catch_up(trials: Trials) -> CatchUp:
    shares = [share for share in (*sorted(trials.shares), 1.0) if trials.done("scratch", share)]
    if len(shares) < LEAST_SIZES and not trials.done("scratch"):
        return CatchUp("untold")
    sizes = [trials.done("scratch", share)[0].told.examples for share in shares]
    groups = [trials.statistics("run"), *(trials.statistics("scratch", share) for share in shares)]
    values = resample(groups, len(trials.own.index), 0, resamples=CURVES)
    errors = values / trials.cells.unit if better(trials.cells.task) < 0 else 1 - values
    return catch_up(sizes, np.maximum(errors[1:].T, 0), np.maximum(errors[0], 0))


def _advice(trials: Trials, rows: Sequence[Row]) -> tuple[Mitigation, ...]:
    cells, values = trials.cells, {row.name: row.value for row in rows}
    sign = better(cells.task)

    def over_scratch(name: str) -> float:
        return sign * (values[name] - values["scratch"]) / cells.unit

    seen = Seen(over_scratch("run"), over_scratch("probe") if "probe" in values else None, others(cells))
    facts = facts_of(cells.dataset, cells.splits, len(cells.splits.validation))
    return mitigations(cells.run.folder.plan, cells.run.folder.card, facts, seen)


def others(cells: Cells) -> tuple[str, ...]:
    """Returns other backbones at hand that take what the run's takes, smallest first."""
    from tlzoo import registry
    from tlzoo.workflows import zoo

    folder = cells.run.folder
    entries = zoo.backbones(zoo.Filter(modality=folder.card.modality, offline=True))
    names = [entry.card.name for entry in entries if entry.card.name != folder.card.name]
    cards = [registry.backbones().get(name) for name in names]
    least = min(folder.plan.size) or math.inf
    fit = [card for card in cards if card.modality == "text" or (card.input.min_size or 1) <= least]
    if folder.plan.length:
        fit = [card for card in fit if card.input.length and card.input.length >= folder.plan.length]
    return tuple(card.name for card in fit)


def _told(each: Mitigation, cells: Cells, tried: Sequence[Mitigation]) -> Advice:
    config: dict[str, Any] = cells.run.folder.config
    request = Request(
        backbone=each.backbone,
        recipe=each.recipe,
        seed=config["seed"],
        validation=config["validation"],
        test=config["test"],
        options={name: _typed(value) for name, value in each.options.items()},
    )
    slug = each.name.lower().replace(" ", "-")
    command = command_of(cells.dataset, request, Path(f"{cells.run.path}-{slug}"))
    return Advice(each.name, each.why, command, each in tried)


def _typed(value: Any) -> Any:
    """Returns an option's value as people type it: `64x64`."""
    return "x".join(str(each) for each in value) if isinstance(value, tuple | list) else value

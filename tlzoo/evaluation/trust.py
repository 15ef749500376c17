"""How far a classifier can be trusted: what its probabilities mean, what it rules out, when it should be silent.

Everything is fitted on the validation split and measured on the test split.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.metrics.calibration import ece, softmax
from tlzoo.metrics.conformal import COVERAGE, Method, fit_sets, judge_sets
from tlzoo.metrics.selective import guaranteed, risk_coverage
from tlzoo.metrics.vector_scaling import choose_scaling

Arrays = Mapping[str, npt.NDArray[Any]]

LEVELS = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
"""Shares of answers given for which the accuracy is told."""
WANTED = (0.8, 0.9, 0.95, 0.99)
"""Accuracies a threshold is looked for; those that all answers reach anyway are left out."""
MOST_NUMBERS = 200_000
"""Logits of the validation split up to which vector scaling is tried: it is fitted six times."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is asked of prediction sets.

    Attributes:
        coverage: Share that should hold the right class, above 0 and below 1.
        method: `lac`, `aps` or `raps`.
        by_class: Whether every class is promised that by itself.
    """

    coverage: float = COVERAGE
    method: Method = "lac"
    by_class: bool = False


def trust_of(
    arrays: Arrays, temperature: float, asked: Asked | None = None, *, fresh: bool = True
) -> dict[str, Any]:
    """Returns what `metrics.json` says of a classifier under `trust`.

    Args:
        arrays: `{split}_labels` and `{split}_logits` of validation and test.
        temperature: What logits are divided by.
        asked: What is asked of prediction sets.
        fresh: Whether nothing was learned from the validation split, which every guarantee needs.

    Returns:
        `calibration`, `conformal` and `selective`, as plain values.
    """
    asked = asked or Asked()
    labels = {split: np.asarray(arrays[f"{split}_labels"]) for split in ("validation", "test")}
    found = {split: softmax(arrays[f"{split}_logits"], temperature) for split in labels}
    rule = fit_sets(
        labels["validation"],
        found["validation"],
        asked.coverage,
        method=asked.method,
        by_class=asked.by_class,
    )
    return {
        "fresh": fresh,
        "calibration": _calibration(arrays, labels, temperature),
        "conformal": {
            **rule.to_dict(),
            "test": judge_sets(labels["test"], rule.sets(found["test"])).to_dict(),
        },
        "selective": _selective(labels, found),
    }


def _calibration(arrays: Arrays, labels: Arrays, temperature: float) -> dict[str, Any]:
    plain, logits = arrays["test_logits"], arrays["validation_logits"]
    decisions = plain.argmax(axis=1)
    told: dict[str, Any] = {
        "temperature": temperature,
        "ece": {
            "before": ece(labels["test"], softmax(plain)),
            "after": ece(labels["test"], softmax(plain, temperature)),
        },
        "changed_by_temperature": int(np.sum(softmax(plain, temperature).argmax(axis=1) != decisions)),
        "vector": None,
    }
    if logits.size > MOST_NUMBERS:
        return told
    choice = choose_scaling(logits, labels["validation"])
    turned = choice.scaling(plain)
    told["vector"] = {
        "chosen": choice.kind == "vector",
        "reason": choice.reason,
        "gain": choice.gain,
        "noise": choice.noise,
        "changed": int(np.sum(turned.argmax(axis=1) != decisions)),
        "ece": ece(labels["test"], softmax(turned)),
        "factors": list(choice.scaling.factors),
        "offsets": list(choice.scaling.offsets),
    }
    return told


def _selective(labels: Arrays, found: Arrays) -> dict[str, Any]:
    sure = {split: rows.max(axis=1) for split, rows in found.items()}
    right = {split: found[split].argmax(axis=1) == labels[split] for split in found}
    curve = risk_coverage(sure["test"], right["test"])
    levels = []
    for share in LEVELS:
        threshold, accuracy = curve.at(share)
        levels.append({"coverage": share, "threshold": threshold, "accuracy": accuracy})
    wanted = [each for each in WANTED if each > right["validation"].mean()]
    kept = [(each, guaranteed(sure["validation"], right["validation"], each)) for each in wanted]
    return {
        "aurc": curve.aurc,
        "excess": curve.excess,
        "levels": levels,
        "guaranteed": [
            {"wanted": each, "found": None}
            if promise is None
            else {"wanted": each, "found": promise.to_dict(), "test": _kept(promise.threshold, sure, right)}
            for each, promise in kept
        ],
    }


def _kept(threshold: float, sure: Arrays, right: Arrays) -> dict[str, float | None]:
    given = sure["test"] >= threshold
    accuracy = float(right["test"][given].mean()) if given.any() else None
    return {"coverage": float(given.mean()), "accuracy": accuracy}


def words(trust: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Returns what people read about it, line by line.

    Args:
        trust: What `metrics.json` says under `trust`.
        names: Of the classes.
    """
    lines = []
    if calibration := trust.get("calibration"):
        lines += _calibration_words(calibration)
    if conformal := trust.get("conformal"):
        lines += _conformal_words(conformal, names)
    if selective := trust.get("selective"):
        lines += _selective_words(selective)
    lines += _foreign_words(trust)
    if not trust.get("fresh", True):
        lines.append(
            "note         the validation split was learned from: no guarantee holds, only what test shows"
        )
    return lines


def _calibration_words(told: Mapping[str, Any]) -> list[str]:
    lines = [
        f"calibration  temperature {told['temperature']:.3f}: ECE {told['ece']['before']:.3f} before, "
        f"{told['ece']['after']:.3f} after; {told['changed_by_temperature']} decisions changed"
    ]
    if vector := told["vector"]:
        lines.append(
            f"             vector scaling {'is better' if vector['chosen'] else 'is not chosen'}: {vector['reason']} "
            f"({vector['gain']:+.4f} nats ± {vector['noise']:.4f}); ECE {vector['ece']:.3f}, "
            f"{vector['changed']} decisions changed"
        )
    return lines


def _conformal_words(told: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    test = told["test"]
    kind = told["method"] + (", by class" if len(told["thresholds"]) > 1 else "")
    lines = [
        f"conformal    sets of {told['coverage']:.0%} ({kind}, fitted on {told['n']}): {test['coverage']:.1%} of "
        f"{test['n']} hold the right class, {test['size']:.2f} classes on average, {test['singles']:.1%} exactly one, "
        f"{test['empty']:.1%} none"
    ]
    worst = min(
        (each for each in enumerate(test["per_class"]) if each[1] is not None), key=lambda each: each[1]
    )
    return [*lines, f"             worst class {names[worst[0]]}: {worst[1]:.1%}"]


def _selective_words(told: Mapping[str, Any]) -> list[str]:
    levels = ", ".join(
        f"{each['accuracy']:.1%} of the surest {each['coverage']:.0%}" for each in told["levels"][1:]
    )
    lines = [
        f"selective    accuracy {told['levels'][0]['accuracy']:.1%} of all answers, {levels}; AURC {told['aurc']:.4f}"
    ]
    for each in told["guaranteed"]:
        if each["found"] is None:
            lines.append(f"             {each['wanted']:.0%} cannot be guaranteed on so few examples")
            continue
        test = each["test"]
        shown = "" if test["accuracy"] is None else f", {test['accuracy']:.1%} of them right"
        lines.append(
            f"             {each['wanted']:.0%} is guaranteed ({each['found']['sure']:.0%} sure) from a confidence of "
            f"{each['found']['threshold']:.3f}: {test['coverage']:.1%} of test{shown}"
        )
    return lines


def _foreign_words(trust: Mapping[str, Any]) -> list[str]:
    found = trust.get("ood")
    if not found:
        return [f"foreign      not measured: {trust['ood_reason']}"] if trust.get("ood_reason") else []
    lines: list[str] = []
    for name, each in found["scores"].items():
        line = f"{name}: above {each['threshold']:.4g}, {each['test_flagged']:.1%} of test"
        if each["auroc"] is not None:
            line += f", {each['foreign_flagged']:.1%} of foreign, AUROC {each['auroc']:.3f}"
        lines.append(("foreign      " if not lines else " " * 13) + line)
    return lines

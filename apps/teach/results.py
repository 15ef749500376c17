"""What is shown of a run: how good it is, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from ..common import charts, html

FEW = 30
"""Held-out examples below which the page warns that the accuracy is a guess."""


def summary(run: Any, first: Any = None, seconds: float | None = None) -> str:
    """Returns the accuracy with its interval, beside the answer that looks at nothing.

    Args:
        run: A classifier that was trained.
        first: The run on frozen features, if this one is fine-tuned.
        seconds: How long training took.
    """
    test, majority = run.metrics["test"], run.metrics["majority"]
    n, accuracy = int(test["n"]), float(test["accuracy"])
    low, high = wilson(accuracy, n)
    took = "" if seconds is None else f" Trained in {seconds:.1f} s."
    words = (
        f"of {n} examples it had never seen are right; between {100 * low:.0f} and {100 * high:.0f}\u00a0% with "
        f"examples like these. Always saying the commonest class: {100 * float(majority['accuracy']):.0f}\u00a0%.{took}"
    )
    parts = [f'<div class="tl-answer"><div><span class="tl-big">{100 * accuracy:.0f} %</span> {words}</div>']
    if first is not None and first is not run:
        before = float(first.metrics["test"]["accuracy"])
        parts.append(html.note(f"Before fine-tuning it was {100 * before:.0f} % of the same examples."))
    if n < FEW:
        parts.append(
            html.note(f"{n} held-out examples say little. Try the model yourself, or add examples.", "warn")
        )
    return "".join(parts) + "</div>"


def details(run: Any) -> str:
    """Returns the confusion matrix and a row for each class."""
    test = run.metrics["test"]
    rows = [
        [row["name"], _share(row["recall"]), _share(row["precision"]), str(row["n"])]
        for row in test["per_class"]
    ]
    table = html.table(["class", "found", "right when said", "examples"], rows, "Each class")
    return charts.confusion(test["confusion"], run.class_names) + "<br>" + table


def curves(entries: Sequence[dict[str, Any]]) -> str:
    """Returns the curves of loss and accuracy over epochs, as far as a run has come.

    The head, which learns first and in a moment, is left out once the network itself learns.
    """
    phases = list(dict.fromkeys(entry["phase"] for entry in entries))
    entries = [entry for entry in entries if len(phases) < 2 or entry["phase"] != phases[0]]
    told = [("loss", "val_loss", "Loss"), ("accuracy", "val_accuracy", "Accuracy")]
    drawn = []
    for train, validation, title in told:
        series = {
            name: [(float(at), float(entry[key])) for at, entry in enumerate(entries, 1) if key in entry]
            for name, key in (("examples it learns from", train), ("examples it is checked with", validation))
        }
        drawn.append(charts.lines(series, title, "epoch"))
    return f'<div class="tl-charts">{"".join(drawn)}</div>' if any(drawn) else ""


def ranking(found: Any, titles: dict[str, str]) -> str:
    """Returns a ranking of backbones as a sentence and a table."""
    rows = [
        [
            titles.get(scored.candidate.name, scored.candidate.name),
            f"{100 * place.low:.0f} to {100 * place.high:.0f} %",
            "the first" if at == 0 else "yes" if place.within_noise else "no",
            f"{scored.seconds:.1f} s",
        ]
        for at, (place, scored) in enumerate(found.rows)
    ]
    header = ["network", "accuracy of a probe", "as good as the first", "time for 1,000"]
    best = titles.get(found.best, found.best)
    return html.note(f"{best} suits your examples best, and is chosen.") + html.table(header, rows, "Ranking")


def wilson(share: float, n: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share of `n`, by Wilson's formula.

    Example:
        >>> [round(each, 2) for each in wilson(0.75, 12)]
        [0.47, 0.91]
    """
    if n == 0:
        return 0.0, 1.0
    z = 1.959964
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"

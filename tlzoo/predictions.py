"""What a bundle says about images or texts, and the CSV file it can be written to."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tlzoo import paths


@dataclass(frozen=True)
class Prediction:
    """What the bundle says about one item.

    Attributes:
        item: The path; or `array:<n>`, `bytes:<n>`, `image:<n>`, `text:<n>` for the n-th item given; or `row:<n>`.
        label: The likeliest class, None on error and where no class is predicted.
        score: Its probability, None likewise.
        probabilities: By class: in the bundle's order, or only the likeliest, best first, if `top` was given.
        error: Why the item could not be read, else None.
        labels: Of a multilabel bundle: the labels that are predicted; None otherwise.
        value: Of a regression: the number; None otherwise.
        low: Lower end of the band that holds 90% of the right numbers.
        high: Its upper end.
        ood_score: How foreign the item is, where the bundle tells; `ood.threshold` of its description says from where
            on that is too much. None otherwise.
    """

    item: str
    label: str | None = None
    score: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    labels: tuple[str, ...] | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    ood_score: float | None = None

    def told(self, task: str) -> dict[str, str | float | None]:
        """Returns what is said of the item, probabilities and errors aside, by column of a CSV file."""
        if task == "regression":
            return {"value": self.value, "low": self.low, "high": self.high}
        if task == "multilabel":
            return {"labels": None if self.labels is None else ";".join(self.labels)}
        return {"label": self.label, "score": self.score}


def write_csv(
    predictions: Iterable[Prediction],
    path: Path,
    class_names: Sequence[str] | None = None,
    task: str = "classification",
    *,
    foreign: bool = False,
) -> int:
    """Writes predictions, one row each, to a file that appears whole or not at all.

    Columns: item, label, score, one per class, error; for multilabel item, labels (`;` between them), one per label,
    error; for regression item, value, low, high, error. Where the bundle tells foreign items, ood_score before error.

    Args:
        predictions: Written as they come, so a stream of any length takes no memory.
        path: The file.
        class_names: The classes to write, in order; by default those of the first prediction without error.
        task: Of the bundle.
        foreign: Whether it tells foreign items.

    Returns:
        How many rows were written.

    Example:
        >>> write_csv(predictor.stream(["holiday/"]), Path("holiday.csv"))  # doctest: +SKIP
        2
    """
    names, rows = _known(iter(predictions), () if task == "regression" else class_names)
    count = 0
    with paths.replacing(Path(path)) as raw:
        # File names need not be valid Unicode; they come back as they were.
        file = io.TextIOWrapper(
            raw, encoding="utf-8", errors="surrogateescape", newline="", write_through=True
        )
        writer = csv.writer(file)
        more = ["ood_score"] if foreign else []
        writer.writerow(["item", *Prediction("").told(task), *names, *more, "error"])
        for row in rows:
            scores = [row.probabilities.get(name, "") for name in names]
            told = [_or_empty(cell) for cell in row.told(task).values()]
            extra = [_or_empty(row.ood_score)] if foreign else []
            writer.writerow([row.item, *told, *scores, *extra, row.error or ""])
            count += 1
        file.detach()
    return count


def _known(
    predictions: Iterator[Prediction], class_names: Sequence[str] | None
) -> tuple[Sequence[str], Iterator[Prediction]]:
    if class_names is not None:
        return class_names, predictions
    early = []
    for prediction in predictions:
        early.append(prediction)
        if prediction.error is None:
            return list(prediction.probabilities), chain(early, predictions)
    return [], iter(early)


def _or_empty(cell: str | float | None) -> float | str:
    return "" if cell is None else cell

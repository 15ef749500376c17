"""What a bundle says about images, and the CSV file it can be written to."""

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
        item: The path; or `array:<n>`, `bytes:<n>`, `image:<n>` for the n-th item given.
        label: The likeliest class, None on error.
        score: Its probability, None on error.
        probabilities: By class: in the bundle's order, or only the likeliest, best first, if `top` was given.
        error: Why the item could not be read, else None.
    """

    item: str
    label: str | None = None
    score: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    error: str | None = None


def write_csv(predictions: Iterable[Prediction], path: Path, class_names: Sequence[str] | None = None) -> int:
    """Writes predictions, one row each, to a file that appears whole or not at all.

    Columns: item, label, score, one per class, error.

    Args:
        predictions: Written as they come, so a stream of any length takes no memory.
        path: The file.
        class_names: The classes to write, in order; by default those of the first prediction without error.

    Returns:
        How many rows were written.

    Example:
        >>> write_csv(predictor.stream(["holiday/"]), Path("holiday.csv"))  # doctest: +SKIP
        2
    """
    names, rows = _known(iter(predictions), class_names)
    count = 0
    with paths.replacing(Path(path)) as raw:
        # File names need not be valid Unicode; they come back as they were.
        file = io.TextIOWrapper(
            raw, encoding="utf-8", errors="surrogateescape", newline="", write_through=True
        )
        writer = csv.writer(file)
        writer.writerow(["item", "label", "score", *names, "error"])
        for row in rows:
            scores = [row.probabilities.get(name, "") for name in names]
            writer.writerow([row.item, row.label or "", _or_empty(row.score), *scores, row.error or ""])
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


def _or_empty(score: float | None) -> float | str:
    return "" if score is None else score

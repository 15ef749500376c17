"""Many answers as a table: for the page, where columns sort, and as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .predictor import AppPredictor
from .values import About, Answer, Tell

STEP = 16
"""Items that are asked about at once, between two looks at whether the work is to stop."""
SHOWN = 1000
"""Rows of the table in the page; the CSV file has all."""
LONGEST = 160
"""Characters of a cell in the page; the CSV file has all."""

Cell = str | float | None


@dataclass
class Sheet:
    """Items, what their table says of them, and the answers so far.

    Attributes:
        header: Of the columns that came in.
        rows: Their cells, a row for each item.
        items: What the model is asked about.
        kept: Which of these columns the page shows, by their number; the CSV file has all.
        opens: Whether a row of the page's table can be opened.
        answers: Of the first items, in order.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    items: Sequence[Any]
    kept: Sequence[int] = (0,)
    opens: bool = False
    answers: list[Answer] = field(default_factory=list)

    def fill(self, predictor: AppPredictor, tell: Tell) -> None:
        """Asks about all items; where it is stopped, the answers so far stay."""
        for at in range(0, len(self.items), STEP):
            tell(at, len(self.items), f"{at:,} of {len(self.items):,} answered")
            self.answers += predictor.predict(self.items[at : at + STEP])

    def columns(self, about: About) -> list[str]:
        """Returns the names of all columns."""
        # A table that has such a column already keeps it, and gets another.
        told = (name if name not in self.header else f"{name} (answer)" for name in self.told(about))
        return [*self.header, *told]

    def told(self, about: About) -> list[str]:
        """Returns the names of the columns that hold the answers."""
        told = ["labels"] if about.task == "multilabel" else ["label", "score"]
        told += self._classes(about)
        told += ["not ruled out"] if about.floors else []
        told += ["foreign"] if about.ood_threshold is not None else []
        return [*told, "problem"]

    def shown(self, about: About) -> tuple[list[str], list[list[Any]]]:
        """Returns the header and the rows of the page's table: the answers so far, cut to what can be looked at."""
        width = len(self.header)
        rows = [
            [*(_short(row[at]) for at in self.kept), *map(_short, row[width:])]
            for row in self._cells(about)[:SHOWN]
        ]
        return [*(self.header[at] for at in self.kept), *self.told(about)], rows

    def write(self, path: Path, about: About) -> Path:
        """Writes the answers so far as a CSV file."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns(about))
            writer.writerows([["" if cell is None else cell for cell in row] for row in self._cells(about)])
        return path

    def _classes(self, about: About) -> list[str]:
        first = next((one.said.probabilities for one in self.answers if one.said.probabilities), {})
        return list(about.class_names or first)

    def _cells(self, about: About) -> list[list[Cell]]:
        return [
            [*row, *self._told(answer, about)] for row, answer in zip(self.rows, self.answers, strict=False)
        ]

    def _told(self, answer: Answer, about: About) -> list[Cell]:
        said = answer.said
        if about.task == "multilabel":
            cells: list[Cell] = [None if said.labels is None else "; ".join(said.labels)]
        else:
            cells = [said.label, said.score]
        cells += [said.probabilities.get(name) for name in self._classes(about)]
        cells += [None if answer.likely is None else "; ".join(answer.likely)] if about.floors else []
        if about.ood_threshold is not None:
            cells.append(None if answer.foreign is None else "foreign" if answer.foreign else "no")
        return [*cells, said.error]


def _short(cell: Any) -> Any:
    if isinstance(cell, float):
        return cell
    text = "" if cell is None else str(cell)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

"""What a search says: its trials, the best of them, and whether that is more than luck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.workflows.attempts import Attempt
from tlzoo.workflows.prepare import Settled
from tlzoo.workflows.study import Trial

if TYPE_CHECKING:
    from tlzoo.workflows.run import Run


@dataclass(frozen=True)
class Tuning:
    """A search.

    Attributes:
        folder: Where it stands.
        data: Name of the data.
        backbone: Name of the card.
        recipe: Whose options were searched.
        shown: What is told beside losses: `accuracy`, `label_accuracy` or `mae`.
        examples: In the validation split, which alone has chosen.
        tried: Trials and what came of them, in their order; the first is the recipe as it is.
        run: The best trial as a finished run, tested once; None while it is not finished.
        seconds: Spent, all sittings together.
    """

    folder: Path
    data: str
    backbone: str
    recipe: str
    shown: str
    examples: int
    tried: tuple[tuple[Trial, Attempt], ...]
    run: Run | None = None
    seconds: float = 0.0

    @classmethod
    def of(
        cls, folder: Path, settled: Settled, recipe: str, tried: Sequence[tuple[Trial, Attempt]]
    ) -> Tuning:
        """Returns the answer of a search that is over."""
        shown = {"regression": "mae", "multilabel": "label_accuracy"}.get(settled.dataset.task, "accuracy")
        return cls(
            folder=folder,
            data=settled.dataset.name,
            backbone=settled.card.name,
            recipe=recipe,
            shown=shown,
            examples=len(settled.splits.validation),
            tried=tuple(tried),
        )

    @property
    def best(self) -> Attempt:
        """The trial with the lowest validation loss, the first of several."""
        return min((found for _, found in self.tried), key=lambda found: found.loss)

    @property
    def _best_trial(self) -> Trial:
        return next(trial for trial, found in self.tried if found is self.best)

    @property
    def options(self) -> dict[str, Any]:
        """Its options; none if that is the recipe as it is."""
        if self.best is self.tried[0][1]:
            return {}
        return {name: _short(value) for name, value in self._best_trial.options.items()}

    @property
    def verdict(self) -> str:
        """Whether the search has gained anything, in words."""
        count = f"{len(self.tried)} trial{'s' if len(self.tried) > 1 else ''}"
        first = self.tried[0][1]
        if not math.isfinite(self.best.loss):
            return f"Of {count} none has learned anything: every loss is no number."
        if self.best is first:
            return f"Of {count} none is better than the recipe as it is (validation loss {first.loss:.4f})."
        told = f"validation loss {self.best.loss:.4f} against {first.loss:.4f} of the recipe as it is"
        if not math.isfinite(first.loss):
            return f"The best of {count}: {told}, whose training diverged."
        gain, error = self.best.gain_over(first)
        sure = "beyond noise" if gain > 2 * error else "within noise"
        return (
            f"The best of {count}: {told}, {sure} (gain {gain:.4f} ± {2 * error:.4f} on {self.examples} validation "
            "examples, which chose it and so flatter it)."
        )

    def rows(self) -> list[dict[str, Any]]:
        """Returns one flat row for each trial, the best first; those that diverged last, without a loss."""
        ranked = sorted(self.tried, key=lambda each: each[1].loss)
        return [
            {
                "trial": trial.number,
                "val_loss": found.loss if math.isfinite(found.loss) else None,
                f"val_{self.shown}": found.shown,
                "seconds": found.seconds,
                "cut": found.cut,
                "options": {name: _short(value) for name, value in trial.options.items()},
            }
            for trial, found in ranked
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns what `tlzoo tune --json` says, but for the run."""
        return {
            "data": self.data,
            "backbone": self.backbone,
            "recipe": self.recipe,
            "trials": self.rows(),
            "best": str(self.best.folder),
            "options": self.options,
            "verdict": self.verdict,
        }

    def choice(self) -> dict[str, Any]:
        """Returns what the best trial's report says of how it was chosen."""
        best = self._best_trial.number
        rows = [
            {
                "name": f"trial {row['trial']}",
                "chosen": row["trial"] == best,
                "told": ", ".join(f"{name}={value}" for name, value in row["options"].items()),
                **{key: row[key] for key in ("val_loss", "seconds", "cut")},
                "shown": row[f"val_{self.shown}"],
            }
            for row in self.rows()
        ]
        return {"procedure": "tune", "verdict": self.verdict, "shown": self.shown, "attempts": rows}

    def write_tensorboard(self, logdir: Path) -> Path:
        """Writes a line of TensorBoard's HParams page for each trial, and returns the folder."""
        from tlzoo.evaluation.trial_board import write_trials

        return write_trials(self.rows(), f"{self.data}/{self.recipe}", logdir)


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value

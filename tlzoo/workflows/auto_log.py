"""What `auto` decides, written down as it decides it: `choice.json` of its run."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlzoo import paths
from tlzoo.workflows.attempts import Attempt
from tlzoo.workflows.budget import Budget, in_words

log = logging.getLogger("tlzoo")


@dataclass
class AutoLog:
    """Decisions and attempts of a run.

    Attributes:
        path: The file.
        budget: What may be spent; decisions are timed by it.
        shown: What is told beside losses: `accuracy`, `label_accuracy` or `mae`.
        steps: Decisions, in their order.
        attempts: What was tried, in its order.
        verdict: What came of it.
    """

    path: Path
    budget: Budget
    shown: str = "accuracy"
    steps: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    verdict: str = ""

    @classmethod
    def open(cls, path: Path, budget: Budget) -> AutoLog:
        """Returns the log of a run, with what an earlier sitting wrote and spent."""
        found = cls(path, budget)
        if path.is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
            budget.before = float(kept["spent"])
            found.steps = kept["steps"]
            found.decide("go on after an interruption", "what was done is not done again")
        return found

    def decide(self, what: str, why: str) -> None:
        """Writes down a decision.

        Args:
            what: Is done.
            why: In words, with the numbers it rests on.
        """
        self.steps.append({"at": round(self.budget.spent, 1), "what": what, "why": why})
        log.info("auto: %s (%s)", what, why)
        self.write()

    def tried(self, name: str, told: str, found: Attempt) -> None:
        """Writes down an attempt.

        Args:
            name: Of the recipe.
            told: How it was trained.
            found: What came of it.
        """
        entry = {
            "name": name,
            "told": told,
            "val_loss": found.loss if math.isfinite(found.loss) else None,
            "shown": found.shown,
            "seconds": found.seconds,
            "cut": found.cut,
            "chosen": False,
        }
        self.attempts = [each for each in self.attempts if each["name"] != name] + [entry]
        self.write()

    def choose(self, name: str) -> None:
        """Marks the attempt that was chosen."""
        for each in self.attempts:
            each["chosen"] = each["name"] == name
        self.write()

    def write(self) -> None:
        """Writes the file, whole or not at all."""
        bound = self.budget.seconds if math.isfinite(self.budget.seconds) else None
        told = {
            "procedure": "auto",
            "budget": bound,
            "spent": round(self.budget.spent, 2),
            "shown": self.shown,
        }
        paths.write_json(
            self.path, {**told, "verdict": self.verdict, "steps": self.steps, "attempts": self.attempts}
        )

    def ends(self) -> str:
        """Returns what was spent of what might be, in words."""
        return f"{in_words(self.budget.spent)} of {in_words(self.budget.seconds)}"

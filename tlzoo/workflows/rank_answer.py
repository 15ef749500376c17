"""What a ranking says: a table, a recommendation in words, JSON, CSV and a page for TensorBoard."""

from __future__ import annotations

import csv
import io
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo import paths
from tlzoo.scores.ranking import Place
from tlzoo.workflows.rank_scores import SCORES, Scored

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard

MEASURES = {"classification": "accuracy", "multilabel": "mean average precision", "regression": "R2"}
"""What the ridge probe is judged by, by task."""

_NAMED = 6  # backbones the recommendation names one by one


@dataclass(frozen=True)
class Ranking:
    """Backbones by how well a linear model learns the data from their features, the best first.

    Attributes:
        data: Name of the data set.
        source: Where it can be found again; empty for data in memory.
        reading: Words of the command line that have it read the same way.
        task: What is learned.
        modality: `image` or `text`.
        examples: How many training examples were looked at.
        train: How many there are.
        seed: Of split and resampling.
        baseline: The probe's score of an answer that looks at nothing.
        rows: Place and scores of each backbone.
        left_out: Backbones that could not be reached, and why.
    """

    data: str
    source: str
    reading: str
    task: str
    modality: str
    examples: int
    train: int
    seed: int
    baseline: float
    rows: tuple[tuple[Place, Scored], ...]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def best(self) -> str:
        """Name of the first backbone."""
        return self.rows[0][1].candidate.name

    @property
    def within_noise(self) -> list[str]:
        """Names of those that may well be as good as the first, the first left out."""
        return [scored.candidate.name for place, scored in self.rows[1:] if place.within_noise]

    @property
    def cheapest(self) -> str:
        """Name of the one with the quickest features among the first and those within noise of it."""
        near = [scored for place, scored in self.rows if place.within_noise]
        return min(near, key=lambda scored: (scored.seconds, scored.candidate.card.params)).candidate.name

    @property
    def command(self) -> str:
        """The command that trains on the first backbone, as it was ranked."""
        first = self.rows[0][1].candidate
        words = ["tlzoo", "train", self.source or "DATA", "--backbone", first.card.name]
        if "@" in first.name:
            words += ["--set", f"length={first.length}" if first.length else f"size={first.size[0]}"]
        return " ".join([shlex.join(words), f"--seed {self.seed}", self.reading]).rstrip()

    @property
    def recommendation(self) -> str:
        """What to take, and how sure that is, in words."""
        place, first = self.rows[0]
        measure = MEASURES[self.task]
        said = [
            f"{self.best} suits {self.data} best: the ridge probe's cross-validated {measure} is "
            f"{first.scores['probe']:.3f} (95% of the resamples {place.low:.3f} to {place.high:.3f}; without looking "
            f"{self.baseline:.3f}), LogME {first.scores['logme']:.3f}."
        ]
        if place.low <= self.baseline:
            said.append(
                "That is no better than an answer that looks at nothing, as far as these examples can tell."
            )
        said.append(self._near())
        if self.cheapest != self.best:
            cheap = next(scored for _, scored in self.rows if scored.candidate.name == self.cheapest)
            said.append(
                f"The cheapest of these is {self.cheapest}: {cheap.seconds:.1f} s for 1,000 {self.modality}s here "
                f"against {first.seconds:.1f} s."
            )
        said.append(
            f"From {self.examples:,} of {self.train:,} training examples; labels of the validation and test split were "
            "not looked at."
        )
        return " ".join(said)

    def _near(self) -> str:
        if len(self.rows) == 1:
            return "Nothing else was compared."
        if not self.within_noise:
            second = self.rows[1][1].candidate.name
            return f"That is beyond noise: {second}, the second, is worse in more than 97% of the resamples."
        names = ", ".join(self.within_noise[:_NAMED])
        more = len(self.within_noise) - _NAMED
        return f"Within noise of it: {names}{f' and {more} more' if more > 0 else ''}."

    def table(self) -> list[dict[str, Any]]:
        """Returns one flat row for each backbone, the best first: rank, scores, costs."""
        return [self._row(rank, place, scored) for rank, (place, scored) in enumerate(self.rows, start=1)]

    def _row(self, rank: int, place: Place, scored: Scored) -> dict[str, Any]:
        card = scored.candidate.card
        return {
            "rank": rank,
            "backbone": scored.candidate.name,
            **{name: scored.scores[name] for name in SCORES},
            "probe_low": place.low,
            "probe_high": place.high,
            "value": place.value,
            "rank_low": place.first,
            "rank_high": place.last,
            "within_noise": place.within_noise,
            "features": card.features,
            "params": card.params,
            "seconds_per_1000": scored.seconds,
            "bundle_bytes": bundle_bytes(card, scored.outputs.shape[1]),
            "remembered": scored.remembered,
        }

    def to_dict(self) -> dict[str, Any]:
        """Returns what `tlzoo rank --json` says."""
        return {
            **{name: getattr(self, name) for name in ("data", "source", "task", "modality")},
            **{name: getattr(self, name) for name in ("examples", "train", "seed")},
            "measure": MEASURES[self.task],
            "baseline": self.baseline,
            "backbones": self.table(),
            "best": self.best,
            "within_noise_of_best": self.within_noise,
            "cheapest_within_noise": self.cheapest,
            "next": self.command,
            "recommendation": self.recommendation,
            "left_out": self.left_out,
        }

    def to_csv(self) -> str:
        """Returns the table as CSV; what does not apply is an empty cell."""
        rows, text = self.table(), io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def write_csv(self, path: str | Path) -> None:
        """Writes the table as CSV."""
        paths.write_text(Path(path), self.to_csv())

    def write_tensorboard(self, logdir: str | Path) -> Path:
        """Writes a folder for TensorBoard: a line of its HParams page for each backbone, and the recommendation.

        Args:
            logdir: Where to write; what an earlier ranking wrote there is replaced.

        Returns:
            The folder.
        """
        from tlzoo.evaluation.ranking_board import write_ranking

        return write_ranking(self.to_dict(), Path(logdir))


def bundle_bytes(card: BackboneCard, outputs: int) -> int:
    """Returns about how large an exported bundle is: float32 weights of the backbone and a linear head."""
    return 4 * (card.params + (card.features + 1) * outputs)

"""What a verdict says: the word, the gain with its interval, the curve, the catch-up point, and what to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tlzoo.metrics.bootstrap import Interval
from tlzoo.metrics.learning_curve import CatchUp
from tlzoo.metrics.resampled import is_share
from tlzoo.metrics.transfer import Word

TITLES = {"positive": "Positive transfer", "neutral": "Neutral", "negative": "Negative transfer"}


@dataclass(frozen=True)
class Row:
    """A learner with all the data.

    Attributes:
        name: `run`, `scratch`, `probe`, `majority`, or what a mitigation is called.
        told: How it learns, in words.
        value: The metric on the test split, mean of the seeds.
        seeds: How many.
        gain: Over scratch; None for scratch itself, and where one seed says too little.
        training: Seconds of training of one seed; None where nothing trains.
        epochs: Of its last phase; None likewise.
        over_run: Of mitigations, the gain over the run.
    """

    name: str
    told: str
    value: float
    seeds: int
    gain: Interval | None = None
    training: float | None = None
    epochs: float | None = None
    over_run: Interval | None = None


@dataclass(frozen=True)
class Point:
    """The learning curve with one share of the data.

    Attributes:
        share: Of the training split, in (0, 1].
        examples: Training examples.
        seeds: How many both have.
        run: The metric on the test split, mean of the seeds.
        scratch: Likewise.
        gain: Of the run over scratch; None where one seed says too little.
    """

    share: float
    examples: int
    seeds: int
    run: float
    scratch: float
    gain: Interval | None = None


@dataclass(frozen=True)
class Advice:
    """A mitigation that was named.

    Attributes:
        name: Short.
        why: What was seen that speaks for it.
        command: The line that trains it.
        tried: Whether it was tried; then it is among the rows.
    """

    name: str
    why: str
    command: str
    tried: bool = False


@dataclass(frozen=True)
class Verdict:
    """Did transfer help here?

    Attributes:
        run: The run folder.
        data: Name of the data.
        metric: What is compared, on the test split.
        unit: What gains are divided by: 1, or the spread of the labels where they are numbers.
        word: `positive`, `neutral` or `negative` transfer.
        gain: Of the run over the same network from scratch; None before two seeds of both are done.
        margin: Gains up to this are called neutral.
        tested: Test examples.
        rows: Run, scratch, probe, majority, and mitigations that were tried.
        curve: Fewest examples first.
        catch_up: Where scratch would reach what the run reaches.
        could_gain: What scratch was still gaining when its time was up, as a share; else 0.
        cautions: What to keep in mind, in sentences.
        missing: What there was no time for.
        advice: What to try where transfer gained nothing.
        seconds: All of it took, earlier sittings included.
        budget: Seconds it might take.
    """

    run: str
    data: str
    metric: str
    unit: float
    word: Word
    gain: Interval | None
    margin: float
    tested: int
    rows: tuple[Row, ...]
    curve: tuple[Point, ...]
    catch_up: CatchUp
    could_gain: float = 0.0
    cautions: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    advice: tuple[Advice, ...] = ()
    seconds: float = 0.0
    budget: float = 0.0

    def row(self, name: str) -> Row | None:
        """Returns a learner's row; None if there is none."""
        return next((row for row in self.rows if row.name == name), None)

    @property
    def path(self) -> Path:
        """The file it is remembered in."""
        return Path(self.run) / "verdict" / "verdict.json"

    @property
    def sentence(self) -> str:
        """The word with its evidence."""
        run, scratch = self.row("run"), self.row("scratch")
        if self.gain is None or run is None or scratch is None:
            return (
                f"{TITLES[self.word]}: fewer than two seeds of run and scratch are done, which says nothing."
            )
        seeds = (
            f"{run.seeds} seeds" if run.seeds == scratch.seeds else f"{run.seeds} and {scratch.seeds} seeds"
        )
        return (
            f"{TITLES[self.word]}: {self.told(self.gain)} of {self.metric.replace('_', ' ')} over the same network "
            f"from scratch ({seeds}, {self.tested:,} test examples)."
        )

    def told(self, gain: Interval) -> str:
        """Returns a gain in words.

        Args:
            gain: In shares, or in units of the labels' spread.
        """
        unit = "points" if is_share(self.metric) else "hundredths of the labels' spread"
        return f"{100 * gain.estimate:+.1f} {unit} [{100 * gain.low:.1f}, {100 * gain.high:.1f}]"

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as JSON can hold it."""
        return {**asdict(self), "sentence": self.sentence, "catch_up_words": self.catch_up_words}

    @property
    def catch_up_words(self) -> str:
        """Where scratch would catch up, as a sentence."""
        return self.catch_up.words(self.curve[-1].examples if self.curve else 0)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Verdict:
        """Returns what `to_dict` told.

        Args:
            told: All of it.
        """
        plain = {name: told[name] for name in cls.__dataclass_fields__}
        rows = [
            Row(**{**row, "gain": _interval(row["gain"]), "over_run": _interval(row["over_run"])})
            for row in told["rows"]
        ]
        points = [Point(**{**point, "gain": _interval(point["gain"])}) for point in told["curve"]]
        plain |= {
            "gain": _interval(told["gain"]),
            "rows": tuple(rows),
            "curve": tuple(points),
            "catch_up": CatchUp(**told["catch_up"]),
            "advice": tuple(Advice(**each) for each in told["advice"]),
            "cautions": tuple(told["cautions"]),
            "missing": tuple(told["missing"]),
        }
        return cls(**plain)


def _interval(told: Mapping[str, float] | None) -> Interval | None:
    return None if told is None else Interval(**told)

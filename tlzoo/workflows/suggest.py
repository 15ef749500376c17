"""Which unlabelled items to label next."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo import paths
from tlzoo.errors import UsageError
from tlzoo.metrics import acquisition
from tlzoo.metrics.calibration import softmax
from tlzoo.progress import Progress
from tlzoo.workflows.features import features_of, logits_of, unlabelled
from tlzoo.workflows.foreign import training_features

if TYPE_CHECKING:
    from tlzoo.workflows.run import Run


@dataclass(frozen=True)
class Suggestion:
    """An item worth labelling.

    Attributes:
        item: What reports call it.
        label: What the run takes it for; None where it predicts no class.
        probability: Of that label.
        doubt: How torn the run is between its two likeliest classes, 0..1; None where there are none.
    """

    item: str
    label: str | None = None
    probability: float | None = None
    doubt: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, ready for JSON."""
        return asdict(self)


def suggest(
    run: Run | str | Path,
    items: Any,
    n: int = 50,
    *,
    strategy: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **reading: Any,
) -> list[Suggestion]:
    """Returns the unlabelled items that a run would learn most of, the most wanted first.

    Args:
        run: A finished run, or its folder.
        items: A folder, a table of texts, or items in memory.
        n: How many, 1 or more.
        strategy: See `tlzoo.metrics.acquisition.choose`; by default `badge` for classes, and `coreset` where no classes
            are predicted, which is the only one there.
        seed: Of what is drawn.
        progress: Told how far it is.
        **reading: How they are read: `text_column`, `encoding`.

    Raises:
        UsageError: There is no such strategy, or not for this task.
        DataError: There is nothing that can be read.
        RunError: `coreset` needs the data the run was trained on, and it is gone.
    """
    from tlzoo.workflows.run import Run

    run = run if isinstance(run, Run) else Run(run)
    strategy = _checked(run, n, strategy)
    dataset = unlabelled(run, items, **reading)
    features, places = features_of(run, dataset, progress=progress)
    known = training_features(run, progress)[0] if strategy == "coreset" else None
    if run.task == "classification":
        found = softmax(logits_of(run, features), run.temperature)
    else:
        found = np.ones((len(features), 1))
    chosen = acquisition.choose(found, features, n, strategy=strategy, known=known, seed=seed)  # type: ignore[arg-type]
    keys = [dataset.keys[places[at]] for at in chosen]
    if run.task != "classification":
        return [Suggestion(key) for key in keys]
    doubt = acquisition.margin(found)
    return [
        Suggestion(
            key,
            run.class_names[int(found[at].argmax())],
            round(float(found[at].max()), 4),
            round(float(doubt[at]), 4),
        )
        for key, at in zip(keys, chosen.tolist(), strict=True)
    ]


def _checked(run: Run, n: int, strategy: str | None) -> str:
    classes = run.task == "classification"
    allowed = acquisition.STRATEGIES if classes else ("coreset", "random")
    strategy = strategy or ("badge" if classes else "coreset")
    if strategy not in allowed:
        raise UsageError(f"strategy '{strategy}' for {run.task}.", allowed=f"{', '.join(allowed)}.")
    if n < 1:
        raise UsageError(f"{n} suggestions.", allowed="1 or more.", do="-n 50")
    return strategy


def write_csv(suggestions: Sequence[Suggestion], path: Path) -> None:
    """Writes a row per suggestion to a CSV file that appears whole or not at all: item, label, probability, doubt."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ("item", "label", "probability", "doubt"))
    writer.writeheader()
    writer.writerows(each.to_dict() for each in suggestions)
    paths.write_bytes(path, buffer.getvalue().encode("utf-8", "surrogateescape"))

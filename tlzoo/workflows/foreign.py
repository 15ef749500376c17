"""What a run knows of, so that it can say what is foreign to it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.backbones.weights import read_arrays, write_arrays
from tlzoo.bundle import ConformalFacts
from tlzoo.errors import DataError, UsageError
from tlzoo.metrics import ood
from tlzoo.metrics.conformal import Conformal
from tlzoo.progress import Progress
from tlzoo.workflows.features import features_of, logits_of, unlabelled

if TYPE_CHECKING:
    from tlzoo.export.ood import OodScore
    from tlzoo.workflows.run import Run

FILE = "ood.npz"
"""Where a run folder keeps its detector."""


@dataclass(frozen=True)
class Known:
    """A detector of foreign inputs, and from where on they are foreign.

    Attributes:
        detector: Gives scores of features.
        threshold: What 95% of the validation split do not exceed.
        n: Examples of the validation split it was found on.
    """

    detector: ood.Mahalanobis
    threshold: float
    n: int


def known_of(run: Run, progress: Progress | None = None) -> Known:
    """Returns what a run knows of: read from its folder, or fitted on its training split and kept there.

    Args:
        run: A finished run.
        progress: Told how far it is.

    Raises:
        RunError: The data it was trained on is gone, or has changed.
        DataError: Its features do not vary.
    """
    file = run.path / FILE
    if file.is_file():
        kept = dict(read_arrays(file))
        threshold, n = float(kept.pop("threshold")), int(kept.pop("n"))
        return Known(ood.Mahalanobis.from_arrays(kept), threshold, n)
    features, labels = training_features(run, progress)
    try:
        detector = ood.fit_mahalanobis(features, labels)
    except ValueError as error:
        raise DataError(f"What the run is trained on tells nothing apart: {error}") from error
    validation, _ = _some(run, "validation", progress)
    found = Known(detector, ood.threshold(detector(validation)), len(validation))
    with contextlib.suppress(OSError):  # a folder that cannot be written costs time the next time, no more
        numbers = {"threshold": np.array(found.threshold), "n": np.array(found.n)}
        write_arrays(file, {**detector.arrays(), **numbers})
    return found


def ood_score(run: Run, method: str, progress: Progress | None = None) -> OodScore | None:
    """Returns how a bundle of a run tells foreign inputs.

    Args:
        run: A finished run.
        method: `mahalanobis`, `energy`, `none`; or `auto`, a detector that is there already.
        progress: Told how far it is.

    Raises:
        UsageError: There is no such method, or not for this task.
    """
    from tlzoo.export.ood import OodScore

    if method not in ("auto", "mahalanobis", "energy", "none"):
        raise UsageError(f"an ood_score by '{method}'.", allowed="mahalanobis, energy, none, auto.")
    if method == "energy":
        if run.task != "classification":
            raise UsageError(
                f"energy for {run.task}.", allowed="energy for classification.", do="mahalanobis"
            )
        with np.load(run.path / "predictions.npz", allow_pickle=False) as kept:
            return OodScore("energy", ood.threshold(ood.energy(kept["validation_logits"])))
    if method == "none" or (method == "auto" and not (run.path / FILE).is_file()):
        return None
    known = known_of(run, progress)
    return OodScore("mahalanobis", known.threshold, known.detector)


def conformal_facts(run: Run) -> ConformalFacts | None:
    """Returns how prediction sets are made of a bundle's probabilities; None where these promise nothing."""
    trust = run.metrics.get("trust", {})
    told = trust.get("conformal")
    if not told or told["method"] != "lac" or not trust["fresh"]:
        return None
    rule = Conformal(told["coverage"], "lac", tuple(told["thresholds"]), told["n"])
    return ConformalFacts(method="lac", coverage=rule.coverage, floors=rule.floors, n=rule.n)


def training_features(run: Run, progress: Progress | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns features (m, d) of up to `ood.SAMPLE` training examples, and their classes; None where there are none."""
    features, indices = _some(run, "train", progress)
    labels = run.dataset.labels[indices] if run.task == "classification" else None
    return features, labels


def _some(run: Run, split: str, progress: Progress | None) -> tuple[np.ndarray, np.ndarray]:
    indices = run.folder.read_splits()[split]
    return features_of(run, run.dataset, indices[ood.sample(len(indices))], progress)


def judge_foreign(
    run: Run, foreign: Any = None, *, progress: Progress | None = None, **reading: Any
) -> dict[str, Any]:
    """Returns what `metrics.json` says under `trust` of foreign inputs, by each score.

    Args:
        run: A finished run.
        foreign: Items it does not know (a folder, a table, items in memory), to measure how well it finds them.
        progress: Told how far it is.
        **reading: How they are read; see `features.unlabelled`.
    """
    known = known_of(run, progress)
    with np.load(run.path / "predictions.npz", allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    features = {"validation": _some(run, "validation", progress)[0], "test": arrays["test_features"]}
    logits = {split: arrays[f"{split}_logits"] for split in features}
    told: dict[str, Any] = {"foreign": None}
    if foreign is not None:
        items = unlabelled(run, foreign, **reading)
        features["foreign"], _ = features_of(run, items, progress=progress)
        logits["foreign"] = logits_of(run, features["foreign"])
        told["foreign"] = {"source": str(foreign), "n": len(features["foreign"])}
    nearest = ood.Nearest.fitted(training_features(run, progress)[0])
    scores = {
        "mahalanobis": {split: known.detector(rows) for split, rows in features.items()},
        "knn": {split: nearest(rows) for split, rows in features.items()},
    }
    if run.task == "classification":
        scores["energy"] = {split: ood.energy(rows) for split, rows in logits.items()}
    return {**told, "scores": {name: _judged(found) for name, found in scores.items()}}


def _judged(scores: Mapping[str, np.ndarray]) -> dict[str, float | None]:
    """Returns the threshold of a score, and which shares exceed it."""
    from sklearn.metrics import roc_auc_score

    threshold = ood.threshold(scores["validation"])
    told: dict[str, float | None] = {
        "threshold": threshold,
        "test_flagged": float(np.mean(scores["test"] > threshold)),
        "foreign_flagged": None,
        "auroc": None,
    }
    if "foreign" in scores:
        both = np.append(scores["test"], scores["foreign"])
        truth = np.repeat([0, 1], [len(scores["test"]), len(scores["foreign"])])
        told["foreign_flagged"] = float(np.mean(scores["foreign"] > threshold))
        told["auroc"] = float(roc_auc_score(truth, both))
    return told

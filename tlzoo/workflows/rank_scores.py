"""One backbone on one data set: all scores from its features, remembered."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo import paths
from tlzoo.errors import DataError
from tlzoo.progress import Progress

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard
    from tlzoo.data.dataset import Dataset

VERSION = 1
"""Raised whenever a score changes, so that none is remembered from before."""

SCORES = ("probe", "logme", "h_score", "knn", "gbc", "leep", "nce")
"""What is told of each backbone; higher is better in all of them."""


@dataclass(frozen=True)
class Candidate:
    """A backbone as it is to be scored.

    Attributes:
        name: What the table calls it: the card's name, and behind `@` a size or length that was asked for.
        card: Its card.
        size: Height and width in pixels; (0, 0) for texts.
        length: Most tokens of a text; 0 for images and strings.
    """

    name: str
    card: BackboneCard
    size: tuple[int, int] = (0, 0)
    length: int = 0


@dataclass(frozen=True)
class Scored:
    """What is known of a backbone on this data.

    Attributes:
        candidate: Which backbone.
        scores: By name (`SCORES`); None where a score does not apply or needs a head that is not there.
        outputs: What the probe says of each example it has not seen, float32 (n, k); NaN where an image is broken.
        seconds: For the features of 1,000 examples on this machine, decoding left out.
        remembered: Whether all of it came from the cache.
    """

    candidate: Candidate
    scores: dict[str, float | None]
    outputs: np.ndarray
    seconds: float
    remembered: bool = False


@dataclass(frozen=True)
class Examples:
    """The examples that backbones are scored on.

    Attributes:
        dataset: All items.
        rows: The training examples that are looked at, int64 (n,).
        engine: What computes features, as for `train`.
    """

    dataset: Dataset
    rows: np.ndarray
    engine: str = "auto"

    @property
    def labels(self) -> np.ndarray:
        """Labels of the examples; classes that none of them has vanish."""
        return np.asarray(self.dataset.labels[self.rows])

    @cached_property
    def groups(self) -> np.ndarray:
        """Equal numbers (n,) for examples that must not judge each other: duplicates, or the data set's groups."""
        names = self.dataset.groups or self.dataset.digests
        return np.unique([names[row] for row in self.rows], return_inverse=True)[1].reshape(-1)

    def baseline(self) -> float:
        """Returns what the probe's score would be without looking: the majority's share; R² 0; the labels' shares."""
        if self.dataset.task == "regression":
            return 0.0
        if self.dataset.task == "classification":
            return float(np.bincount(self.labels).max() / len(self.rows))
        shares = self.labels.mean(axis=0)
        return float(shares[(shares > 0) & (shares < 1)].mean())

    def statistic(self, outputs: np.ndarray, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Returns the probe's score of resamples (r, n) of some examples, as (r,).

        Args:
            outputs: What the probe said of all examples.
            rows: The examples that are resampled.
        """
        from tlzoo.metrics.resampled_tasks import MULTILABEL, REGRESSION
        from tlzoo.scores.matrices import classes

        labels, outputs = self.labels[rows], outputs[rows]
        if self.dataset.task == "regression":
            return REGRESSION["r2"](labels, outputs[:, 0].astype(np.float64))
        if self.dataset.task == "multilabel":
            varies = np.ptp(labels, axis=0) > 0
            return MULTILABEL["mean_average_precision"](labels[:, varies].astype(np.float64), outputs)
        right = outputs.argmax(axis=1) == classes(labels)
        return lambda drawn: np.asarray(right[drawn].mean(axis=1))


def score(candidate: Candidate, examples: Examples, progress: Progress | None = None) -> Scored:
    """Scores a backbone, or remembers how it scored.

    Args:
        candidate: The backbone.
        examples: What it is scored on.
        progress: Told how far its features are.

    Raises:
        SourceError: Its weights are not here and cannot be fetched.
        DataError: So many images are broken that nothing is left to score.
    """
    return remembered(candidate, examples) or _computed(
        candidate, examples, _file(candidate, examples), progress
    )


def remembered(candidate: Candidate, examples: Examples) -> Scored | None:
    """Returns how a backbone scored on the same examples before; None if nobody knows."""
    return _remembered(candidate, _file(candidate, examples))


def _file(candidate: Candidate, examples: Examples) -> Path:
    return paths.cache_dir() / "ranks" / f"{_key(candidate, examples)}.npz"


def all_scores(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None = None,
    head: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[dict[str, float | None], np.ndarray]:
    """Returns all scores of some features by name, and what the probe says of each example it has not seen.

    Args:
        features: (n, d).
        labels: Classes int (n,), numbers float (n,) or sets of labels (n, c).
        groups: Examples with equal numbers (n,) never judge each other.
        head: Kernel (d, z) and bias (z,) the backbone was pretrained with.
    """
    from tlzoo.scores import gbc, hscore, knn, leep, logme, matrices, nce, ridge_probe

    features, labels = matrices.checked(features, labels)
    probe = ridge_probe.probe(features, labels, groups)
    found: dict[str, float | None] = dict.fromkeys(SCORES)
    found |= {"probe": probe.score, "logme": logme.logme(features, labels)}
    if matrices.kind(labels) == "classification":
        centred = matrices.spectrum(features - features.mean(axis=0))
        found["h_score"] = hscore.h_score_of(centred, features.shape[1], labels)
        found |= {"gbc": gbc.gbc_of(centred, labels), "knn": knn.knn(features, labels, groups)}
        if head is not None:
            said = _softmax(features @ head[0] + head[1])
            found |= {"leep": leep.leep(said, labels), "nce": nce.nce(said, labels)}
    return found, probe.outputs.astype(np.float32)


def _softmax(logits: np.ndarray) -> np.ndarray:
    from tlzoo.metrics.calibration import softmax

    return softmax(logits)


def _computed(candidate: Candidate, examples: Examples, file: Path, progress: Progress | None) -> Scored:
    from tlzoo.backbones.load import load_backbone
    from tlzoo.sources.heads import source_head
    from tlzoo.workflows.rank_features import features_of

    card = candidate.card
    view: dict[str, Any] = (
        {"size": candidate.size} if card.modality == "image" else {"length": candidate.length or None}
    )
    backbone = load_backbone(card, **view)
    features, seconds = features_of(backbone, examples, progress)
    sound = np.isfinite(features).all(axis=1)
    labels = examples.labels[sound]
    if len(labels) < 2 or (labels == labels[:1]).all():
        raise DataError(
            f"{(~sound).sum()} of {len(sound)} training images cannot be decoded; the others have one label.",
            allowed="sound images of two classes or more.",
            do="`tlzoo data check` names the broken files.",
        )
    if progress:
        progress(0, None, "scores")
    found, said = all_scores(features[sound], labels, examples.groups[sound], source_head(card))
    outputs = np.full((len(sound), said.shape[1]), np.nan, np.float32)
    outputs[sound] = said
    facts = json.dumps({"scores": found, "seconds": seconds})
    with paths.replacing(file) as target:
        np.savez(target, outputs=outputs, facts=np.array(facts))
    return Scored(candidate, found, outputs, seconds)


def _remembered(candidate: Candidate, file: Path) -> Scored | None:
    try:
        with np.load(file, allow_pickle=False) as kept:
            facts, outputs = json.loads(str(kept["facts"])), kept["outputs"]
        return Scored(candidate, facts["scores"], outputs, float(facts["seconds"]), remembered=True)
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _key(candidate: Candidate, examples: Examples) -> str:
    """Returns the name of a result: a digest of everything it depends on."""
    card = candidate.card
    facts = {
        "version": VERSION,
        "card": card.model_dump(mode="json"),
        "file": _stamp(card),
        "view": [candidate.size, candidate.length],
        "data": examples.dataset.fingerprint,
        "task": examples.dataset.task,
        "rows": hashlib.sha256(np.asarray(examples.rows, np.int64).tobytes()).hexdigest(),
        "engine": examples.engine,
        "machine": [platform.machine(), os.cpu_count()],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _stamp(card: BackboneCard) -> list[tuple[str, int, int]]:
    """Returns size and time of every file of a `file:` locator, which may change under its name."""
    if card.scheme != "file":
        return []
    path = Path(card.locator.removeprefix("file:")).expanduser()
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return [(str(each), each.stat().st_size, each.stat().st_mtime_ns) for each in files]

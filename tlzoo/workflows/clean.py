"""What is probably wrong with labelled data: labels a model disagrees with, and items that are nearly the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo import paths
from tlzoo.metrics import label_noise, neighbours
from tlzoo.progress import Progress
from tlzoo.workflows.features import features_of

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.workflows.run import Run

COLUMNS = ("finding", "item", "other", "label", "suggested", "score", "how", "split", "other_split")
"""Of the CSV file of findings."""


@dataclass(frozen=True)
class Suspect:
    """A label that is probably wrong.

    Attributes:
        item: What reports call the item: a path, `row:17` …
        label: Its label.
        suggested: What it confidently looks like.
        probability_of_label: By heads that have not seen it.
        probability: Of what is suggested.
        split: Where the item is, if that is known.
    """

    item: str
    label: str
    suggested: str
    probability_of_label: float
    probability: float
    split: str | None = None


@dataclass(frozen=True)
class Twins:
    """Two items that are the same, or nearly.

    Attributes:
        items: What reports call them.
        labels: Their labels.
        how: `same` content, `looks` (thumbnails), or `features`.
        cosine: Of their centred features.
        splits: Where they are, if that is known.
    """

    items: tuple[str, str]
    labels: tuple[str, str]
    how: str
    cosine: float
    splits: tuple[str | None, str | None] = (None, None)

    @property
    def leaks(self) -> bool:
        """True if they are in different splits."""
        return self.splits[0] != self.splits[1]

    @property
    def conflicts(self) -> bool:
        """True if they have different labels."""
        return self.labels[0] != self.labels[1]


@dataclass(frozen=True)
class Findings:
    """What `clean` found.

    Attributes:
        source: What was looked at.
        backbone: Whose features were looked at.
        items: How many were looked at.
        accuracy: Share of labels that heads which have not seen them agree with; None where there are no classes.
        noise: Estimated share of wrong labels; None likewise.
        suspects: Labels that are probably wrong, the worst first.
        twins: Pairs that are the same or nearly, the most alike first.
        threshold: Cosine from which on features call a pair near.
    """

    source: str
    backbone: str
    items: int
    accuracy: float | None
    noise: float | None
    suspects: tuple[Suspect, ...]
    twins: tuple[Twins, ...]
    threshold: float

    @property
    def leaks(self) -> list[Twins]:
        """Pairs in different splits."""
        return [each for each in self.twins if each.leaks]

    @property
    def conflicts(self) -> list[Twins]:
        """Pairs with different labels."""
        return [each for each in self.twins if each.conflicts]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, ready for JSON."""
        return {
            **asdict(self),
            "leaks": [list(each.items) for each in self.leaks],
            "conflicts": [list(each.items) for each in self.conflicts],
        }

    def rows(self) -> list[tuple[Any, ...]]:
        """Returns a row per finding, as `COLUMNS` says."""
        found: list[tuple[Any, ...]] = [
            (
                "label",
                each.item,
                "",
                each.label,
                each.suggested,
                round(each.probability - each.probability_of_label, 4),
                "out of fold",
                each.split or "",
                "",
            )
            for each in self.suspects
        ]
        for each in self.twins:
            kind = "leak" if each.leaks else "conflict" if each.conflicts else "near"
            splits = [split or "" for split in each.splits]
            found.append(
                (kind, *each.items, each.labels[0], each.labels[1], round(each.cosine, 4), each.how, *splits)
            )
        return found


def clean(
    data: Any,
    *,
    run: Run | str | Path | None = None,
    backbone: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Findings:
    """Looks for wrong labels and near copies in labelled data.

    Every item is judged by a linear head that has learned from other items only (confident learning), on the features
    of a backbone; near copies are looked for in the same features, and of images in their thumbnails.

    Args:
        data: Anything `tlzoo.load` takes.
        run: A run whose backbone, and whose splits if it was trained on this data, are used.
        backbone: Name of a card, without a run; by default as for `train`.
        seed: Of the folds.
        progress: Told how far it is.
        **options: How the data is read; see `tlzoo.data.load.load`.

    Raises:
        DataError: The data cannot be learned from.
        UsageError: Both a run and a backbone are named, or one of the other modality.
    """
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.load import load

    dataset = data if isinstance(data, Dataset) else load(data, progress=progress, **options)
    opened = _opened(run, backbone, dataset)
    features, places, name = _features(opened, backbone, dataset, progress)
    labels, words = dataset.labels[places], [dataset.words()[at] for at in places]
    keys, splits = [dataset.keys[at] for at in places], _splits(dataset, opened)
    where = [splits[at] for at in places]
    accuracy, noise, issues = _judged(dataset, features, labels, places, seed)
    suspects = tuple(
        Suspect(
            keys[each.index],
            dataset.class_names[each.label],
            dataset.class_names[each.suggested],
            round(each.probability_of_label, 4),
            round(each.probability, 4),
            where[each.index],
        )
        for each in issues
    )
    near, hows = _near(dataset, features, places, progress)
    twins = tuple(
        Twins((keys[a], keys[b]), (words[a], words[b]), how, round(float(cosine), 4), (where[a], where[b]))
        for (a, b), cosine, how in zip(near.pairs.tolist(), near.cosines, hows, strict=True)
    )
    return Findings(dataset.source, name, len(places), accuracy, noise, suspects, twins, near.threshold)


def _opened(run: Run | str | Path | None, backbone: str | None, dataset: Dataset) -> Run | None:
    from tlzoo.errors import UsageError
    from tlzoo.workflows.run import Run

    if run is None:
        return None
    if backbone is not None:
        raise UsageError("a run and a backbone.", allowed="one of them.", do="A run brings its own backbone.")
    opened = run if isinstance(run, Run) else Run(run)
    if opened.folder.card.modality != dataset.modality:
        raise UsageError(
            f"'{dataset.name}' holds {dataset.modality}s, and the run was trained on {opened.folder.card.modality}s.",
            do="Name another run, or none.",
        )
    if opened.folder.config["data"]["fingerprint"] == dataset.fingerprint and "context" not in vars(opened):
        opened = Run.with_data(opened.path, dataset)  # its features may be in the cache
    return opened


def _features(
    run: Run | None, backbone: str | None, dataset: Dataset, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray, str]:
    if run is not None:
        return *features_of(run, dataset, progress=progress), run.folder.card.name
    from tlzoo import registry
    from tlzoo.backbones.load import load_backbone
    from tlzoo.features.extract import Extractor
    from tlzoo.features.text_extract import TextExtractor
    from tlzoo.workflows.prepare import BACKBONES, refuse_other_modality

    card = registry.backbones().get(backbone or BACKBONES[dataset.modality])
    refuse_other_modality(card, dataset)
    loaded = load_backbone(card)
    kinds: dict[str, Any] = {"text": TextExtractor, "image": Extractor}
    found = np.asarray(kinds[dataset.modality](loaded, dataset, progress=progress).plain())
    sound = np.flatnonzero(np.isfinite(found).all(axis=1))
    return found[sound], sound, card.name


def _splits(dataset: Dataset, run: Run | None) -> list[str | None]:
    """Returns where each item is: by the run that was trained on them, else as they were given."""
    if run is not None and run.folder.config["data"]["fingerprint"] == dataset.fingerprint:
        found: list[str | None] = [None] * len(dataset)
        for split, indices in run.folder.read_splits().items():
            for at in indices.tolist():
                found[at] = split
        return found
    return [None] * len(dataset) if dataset.given_split is None else list(dataset.given_split)


def _judged(
    dataset: Dataset, features: np.ndarray, labels: np.ndarray, places: np.ndarray, seed: int
) -> tuple[float | None, float | None, Sequence[label_noise.LabelIssue]]:
    if dataset.task != "classification":
        return None, None, ()
    names = dataset.groups or dataset.digests
    found = label_noise.out_of_fold(features, labels, [names[at] for at in places], seed)
    agree = float(np.mean(found.argmax(axis=1) == labels))
    return agree, label_noise.noise_share(labels, found), label_noise.find_label_issues(labels, found)


def _near(
    dataset: Dataset, features: np.ndarray, places: np.ndarray, progress: Progress | None
) -> tuple[neighbours.NearPairs, list[str]]:
    tell = None if progress is None else lambda done, total: progress(done, total, "comparing items")
    near = neighbours.near_pairs(features, tell=tell)
    found = {(int(a), int(b)): float(c) for (a, b), c in zip(near.pairs, near.cosines, strict=True)}
    how = dict.fromkeys(found, "features")
    directions = features - features.mean(axis=0)
    for pair in _alike(dataset, places):
        if pair not in found:
            one, two = directions[pair[0]], directions[pair[1]]
            length = float(np.linalg.norm(one) * np.linalg.norm(two))
            found[pair], how[pair] = (float(one @ two) / length if length else 1.0), "looks"
    for pair in found:
        if dataset.digests[places[pair[0]]] == dataset.digests[places[pair[1]]]:
            how[pair] = "same"
    order = sorted(found, key=lambda pair: (how[pair] != "same", -found[pair], pair))
    pairs = np.array(order, np.int64).reshape(-1, 2)
    cosines = np.array([found[pair] for pair in order])
    return neighbours.NearPairs(pairs, cosines, near.threshold), [how[pair] for pair in order]


def _alike(dataset: Dataset, places: np.ndarray) -> list[tuple[int, int]]:
    """Returns pairs of images whose thumbnails are nearly the same: features overlook new files of the same picture."""
    if dataset.modality != "image":
        return []
    from concurrent.futures import ThreadPoolExecutor

    from tlzoo.data import duplicates
    from tlzoo.data.convert import read_image

    with ThreadPoolExecutor() as pool:
        small = list(
            pool.map(lambda at: duplicates.thumbnail(read_image(dataset.items[at])), places.tolist())
        )
    # Names in place of digests: equal files are wanted here too.
    return duplicates.near(np.stack(small), [str(at) for at in range(len(places))])


def write_csv(findings: Findings, path: Path) -> None:
    """Writes a row per finding to a CSV file that appears whole or not at all; `COLUMNS` says what it holds."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    writer.writerows(findings.rows())
    paths.write_bytes(path, buffer.getvalue().encode("utf-8", "surrogateescape"))

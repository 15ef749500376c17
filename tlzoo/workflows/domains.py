"""Two domains as adaptation sees them: their data, the backbone, and features of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tlzoo.errors import DataError, UsageError
from tlzoo.progress import Progress

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.plans import Resize
    from tlzoo.workflows.tuned import Tuned

TargetLabels = Literal["score", "none"]
LEAST = 16
"""Examples of a domain below which neither a distance nor an adaptation means anything."""


@dataclass(frozen=True)
class Pair:
    """A source and a target.

    Attributes:
        source: Labelled.
        target: Its labels, if it has any, are for the last table alone; without, every label is 0.
        labelled: Whether the target's labels are known.
        titles: What people call both.
    """

    source: Dataset
    target: Dataset
    labelled: bool
    titles: tuple[str, str]


def load_pair(
    source: Any,
    target: Any,
    target_labels: TargetLabels,
    options: Mapping[str, Any],
    progress: Progress | None = None,
) -> Pair:
    """Loads both domains.

    Args:
        source: Anything `tlzoo.load` takes.
        target: Likewise; without labels also a folder of images, or a table of texts.
        target_labels: `score` them at the end, or look at `none`.
        options: How both are read; see `tlzoo.data.load.load`.
        progress: Told how far it is.

    Raises:
        DataError: A domain is too small, or both do not go together.
        UsageError: `target_labels` is something else.
    """
    from tlzoo.data.bare import load_bare
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.join import places, refuse_other_kind
    from tlzoo.data.load import load

    if target_labels not in ("score", "none"):
        raise UsageError(f"target_labels='{target_labels}'.", allowed="'score' or 'none'.", do="Change it.")
    first = source if isinstance(source, Dataset) else load(source, progress=progress, **options)
    if target_labels == "none":
        second = load_bare(target, progress=progress, **options)
    else:
        second = target if isinstance(target, Dataset) else _labelled(target, options, progress)
    refuse_other_kind(first, second)
    if target_labels == "score":
        places(first, second)
    for each in (first, second):
        if len(each) < LEAST:
            raise DataError(
                f"'{each.name}' holds {len(each)} examples.", allowed=f"{LEAST} or more.", do="Add some."
            )
    return Pair(first, second, target_labels == "score", (_title(source, first), _title(target, second)))


def _labelled(target: Any, options: Mapping[str, Any], progress: Progress | None) -> Dataset:
    from tlzoo.data.load import load

    try:
        return load(target, to_learn=False, progress=progress, **options)
    except DataError as error:
        raise DataError(
            error.what,
            allowed=error.allowed,
            do=f"{error.do} If the target has no labels: --target-labels none.",
        ) from error


def _title(given: Any, dataset: Dataset) -> str:
    return given if isinstance(given, str) and ":" in given else dataset.name


@dataclass
class Sight:
    """What a backbone sees of two domains.

    Attributes:
        backbone: As it was loaded, unless `settle` was called.
        pair: Both domains.
        resize: How images get the backbone's size.
        engine: What computes plain features.
        progress: Told how far passes are.
    """

    backbone: Backbone
    pair: Pair
    resize: Resize = "stretch"
    engine: str = "auto"
    progress: Progress | None = None
    _known: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    _tuned: dict[str, Tuned] = field(default_factory=dict)

    @cached_property
    def adaptable(self) -> bool:
        """Whether the network has statistics that can be estimated anew."""
        from tlzoo.features.statistics import normalisations

        return self.backbone.card.modality == "image" and bool(normalisations(self.backbone))

    def features(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns float32 features (n, d) and (m, d) of source and target: `plain`, `adabn`, or of a tuned network.

        Images that cannot be decoded are left out of `pair` when plain features are first asked for.
        """
        if kind != "plain":
            self.features("plain")
        if kind not in self._known:
            self._known[kind] = self._plain() if kind == "plain" else self._adapted()
        return self._known[kind]

    def add(self, kind: str, tuned: Tuned) -> None:
        """Keeps the features of a tuned network under a name, and what they come from."""
        self._known[kind] = tuned.source, tuned.target
        self._tuned[kind] = tuned

    def settle(self, kind: str) -> None:
        """Leaves in the network for good what the target's features of a kind come from."""
        from tlzoo.features.statistics import assign, reestimate

        if kind in self._tuned:
            self._tuned[kind].install(self.backbone)
        elif kind == "adabn":
            assign(self.backbone, reestimate(self.backbone, self.pair.target, self.resize, self.progress))

    def _plain(self) -> tuple[np.ndarray, np.ndarray]:
        found, whole = [], []
        for each in (self.pair.source, self.pair.target):
            features = self._pass(self.backbone, each, self.engine)
            broken = np.flatnonzero(np.isnan(features[:, 0]))
            found.append(np.delete(features, broken, axis=0) if len(broken) else features)
            whole.append(each.without({int(at): "it cannot be decoded" for at in broken}))
        self.pair = replace(self.pair, source=whole[0], target=whole[1])
        return found[0], found[1]

    def _adapted(self) -> tuple[np.ndarray, np.ndarray]:
        from tlzoo.features.statistics import assign, current, reestimate

        before, found = current(self.backbone), []
        try:
            for each in (self.pair.source, self.pair.target):
                own = reestimate(self.backbone, each, self.resize, self.progress)
                # An engine is measured for weights that stay; these are of use to this pair alone.
                found.append(self._pass(assign(self.backbone, own), each, "graph"))
                assign(self.backbone, before)
        finally:
            assign(self.backbone, before)
        return found[0], found[1]

    def _pass(self, backbone: Backbone, dataset: Dataset, engine: str) -> np.ndarray:
        from tlzoo.features.extract import Extractor
        from tlzoo.features.text_extract import TextExtractor

        if dataset.modality == "text":
            found = TextExtractor(backbone, dataset, engine, progress=self.progress).plain()
        else:
            found = Extractor(backbone, dataset, self.resize, engine, progress=self.progress).plain()
        return np.asarray(found)

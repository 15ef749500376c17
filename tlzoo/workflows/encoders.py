"""What turns items into features, whoever it comes from: a backbone, a run's own weights, or a bundle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from tlzoo.errors import BundleError, DataError, UsageError
from tlzoo.plans import Resize
from tlzoo.progress import Progress

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.export.predictor import Predictor
    from tlzoo.workflows.run import Run


class Encoder(Protocol):
    """Computes features."""

    @property
    def title(self) -> str:
        """Whose features these are, in words."""

    @property
    def modality(self) -> Literal["image", "text"]:
        """What it takes."""

    def whole(self, dataset: Dataset, progress: Progress | None = None) -> np.ndarray:
        """Returns features float32 (n, d) of every item, from the cache if they are in it; NaN where one is broken."""

    def one(self, item: Any) -> np.ndarray:
        """Returns features float32 (d,) of one item that is in no data set.

        Raises:
            DataError: It cannot be read.
        """


@dataclass(frozen=True)
class BackboneEncoder:
    """Features of a backbone with the weights it has.

    Attributes:
        title: Whose features these are, in words.
        backbone: Stays as it is.
        resize: How images are brought to its size.
        engine: What computes them; `graph` where weights are nobody else's and an engine is not worth measuring.
    """

    title: str
    backbone: Backbone
    resize: Resize = "stretch"
    engine: str = "auto"

    @property
    def modality(self) -> Literal["image", "text"]:
        """What it takes."""
        return self.backbone.card.modality

    def whole(self, dataset: Dataset, progress: Progress | None = None) -> np.ndarray:
        """Returns features float32 (n, d) of every item; NaN where one is broken."""
        from tlzoo.features.extract import Extractor
        from tlzoo.features.text_extract import TextExtractor

        if self.modality == "text":
            return TextExtractor(self.backbone, dataset, self.engine, progress=progress).plain()
        return Extractor(self.backbone, dataset, self.resize, self.engine, progress=progress).plain()

    def one(self, item: Any) -> np.ndarray:
        """Returns features float32 (d,) of one item."""
        return self._text(read_text(item)) if self.modality == "text" else self._picture(item)

    @cached_property
    def _engine(self) -> Any:
        from tlzoo.features.engines import choose_engine
        from tlzoo.features.text_engines import choose_text_engine

        choose: Any = choose_text_engine if self.modality == "text" else choose_engine
        return choose(self.backbone, self.engine)

    def _text(self, text: str) -> np.ndarray:
        from tlzoo.features.text_extract import features_of
        from tlzoo.features.tokens import open_texts

        tokens = open_texts(self.backbone.encoder, [text])
        return np.asarray(features_of(self.backbone, tokens, np.zeros(1, np.int64), self._engine)[0])

    def _picture(self, item: Any) -> np.ndarray:
        import tensorflow as tf

        from tlzoo.data.images import read_image, resize

        seen = resize(tf.constant(read_image(item)), self.backbone.size, self.resize).numpy()
        pixels = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
        return np.asarray(self._engine(pixels[None])[0], np.float32)


@dataclass(frozen=True)
class BundleEncoder:
    """Features of a bundle's signature of that name.

    Attributes:
        bundle: Loaded.
    """

    bundle: Predictor

    @property
    def title(self) -> str:
        """Whose features these are, in words."""
        return f"bundle {self.bundle.facts.name}, version {self.bundle.folder.name}"

    @property
    def modality(self) -> Literal["image", "text"]:
        """What it takes."""
        return self.bundle.facts.modality

    def whole(self, dataset: Dataset, progress: Progress | None = None) -> np.ndarray:
        """Returns features float32 (n, d) of every item; NaN where one is broken."""
        from tlzoo.features.cache import FeatureCache

        key, cache = self._key(dataset), FeatureCache()
        kept = cache.get(key)
        if kept is not None and len(kept) == len(dataset):
            return kept
        part = cache.get_part(key)
        rows: list[np.ndarray | None] = [] if part is None or len(part) > len(dataset) else [*part]
        try:
            for row in self.bundle.features(dataset.items[len(rows) :]):
                rows.append(row)
                if progress and (len(rows) % 16 == 0 or len(rows) == len(dataset)):
                    progress(len(rows), len(dataset), "features")
        except BaseException:
            cache.put_part(key, _stacked(rows))
            raise
        return cache.put(key, _stacked(rows))

    def one(self, item: Any) -> np.ndarray:
        """Returns features float32 (d,) of one item."""
        (row,) = self.bundle.features(
            [read_text(item) if self.modality == "text" else item], on_error="raise"
        )
        assert row is not None  # noqa: S101 - what cannot be read was raised
        return row

    def _key(self, dataset: Dataset) -> Any:
        from tlzoo.features.cache import FeatureKey

        facts = self.bundle.facts
        files = "\n".join(f"{path} {digest}" for path, digest in sorted(facts.checksums.items()))
        return FeatureKey(
            weights=hashlib.sha256(files.encode()).hexdigest(),
            size=facts.size,
            resize=facts.resize,
            preprocessing="bundle",
            engine="bundle",
            dataset=dataset.fingerprint,
        )


def _stacked(rows: list[np.ndarray | None]) -> np.ndarray:
    """Returns features float32 (n, d), NaN where an item could not be read."""
    width = next((len(row) for row in rows if row is not None), 1)
    missing = np.full(width, np.nan, np.float32)
    return np.stack([missing if row is None else row for row in rows]) if rows else missing[None]


def read_text(item: Any) -> str:
    """Returns a text that somebody typed, or that a `.txt` file holds.

    Raises:
        DataError: There is nothing in it, or it is no text.
    """
    from tlzoo.items import TextReader

    reader = TextReader()
    ((name, each),) = reader.each(item)
    ready = reader.read("the text" if isinstance(item, str) else name, each)
    if ready.error is not None:
        raise ready.error
    text = (ready.raw or b"").decode("utf-8")
    if not text.strip():
        raise DataError("the text is empty.", allowed="1 or more words.", do="Type some.")
    return text


def of_backbone(name: str) -> BackboneEncoder:
    """Returns the features of a backbone as it was pretrained.

    Args:
        name: Of its card.
    """
    from tlzoo.backbones.load import load_backbone

    backbone = load_backbone(name)
    return BackboneEncoder(backbone.card.title, backbone)


def of_run(run: Run) -> BackboneEncoder:
    """Returns the features of a run's backbone, with the weights training left it."""
    from tlzoo.workflows.features import frozen

    kept = frozen(run)
    # A copy forgets the digest of the weights it was loaded with, which training may have moved.
    backbone = replace(run.backbone)
    engine = run.folder.config.get("engine", "auto") if kept else "graph"
    return BackboneEncoder(f"run {run.path.name}", backbone, run.folder.plan.resize, engine)


def of_bundle(path: Path) -> BundleEncoder:
    """Returns the features of a bundle.

    Raises:
        BundleError: There is no bundle, or it gives no features.
    """
    from tlzoo.export.predictor import Predictor

    bundle = Predictor.load(path)
    if "features" not in bundle.facts.signatures:
        raise BundleError(
            f"bundle '{path}' gives no features.",
            allowed="bundles with a signature of that name.",
            do="Export the run again, or search with its run folder.",
        )
    return BundleEncoder(bundle)


def refuse_several(**named: Any) -> None:
    """Raises `UsageError` if features of more than one are asked for."""
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1:
        raise UsageError(
            f"features of a {' and of a '.join(given)}.", allowed="one of them.", do="Leave the others out."
        )

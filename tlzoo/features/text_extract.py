"""One pass of a frozen backbone over texts: shortest together, each different text once, kept by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from tlzoo.backbones.backbone import Backbone
from tlzoo.data.dataset import Dataset
from tlzoo.errors import UsageError
from tlzoo.features.text_engines import TextEngine, choose_text_engine
from tlzoo.features.tokens import Strings, Tokens, open_texts
from tlzoo.features.vector_store import VectorStore
from tlzoo.plans import Augment
from tlzoo.progress import Progress

BATCH_TOKENS = 4096
"""Tokens of a batch, padding included, at most (bytes where networks take strings)."""
BATCH_TEXTS = 64
"""Texts of a batch, at most."""
KEPT_AT_ONCE = 4096
"""Texts after which vectors are written down, so that a killed pass loses no more; an interrupted one loses none."""

VERSION = 1
"""Raised whenever pooling or packing changes what comes out."""


@dataclass(frozen=True)
class TextExtractor:
    """Features of one data set of texts under one backbone.

    Attributes:
        backbone: Frozen while this object lives.
        dataset: Where the texts come from.
        engine_name: `auto`, `graph`, `fused` or `xla`.
        root: Where vectors are kept; by default the cache.
        progress: Told how far the pass is.
    """

    backbone: Backbone
    dataset: Dataset
    engine_name: str = "auto"
    root: Path | None = None
    progress: Progress | None = None

    @cached_property
    def inputs(self) -> Tokens | Strings:
        """All texts as the backbone eats them."""
        return open_texts(self.backbone.encoder, self.dataset.items, self.progress)  # type: ignore[arg-type]

    @cached_property
    def engine(self) -> TextEngine:
        """The engine, chosen when first needed."""
        return choose_text_engine(self.backbone, self.engine_name)

    def plain(self) -> np.ndarray:
        """Returns features float32 (n, d) of every text, in order."""
        return self._features

    @cached_property
    def _features(self) -> np.ndarray:
        store = VectorStore(self._facts(), self.root)
        width = self.backbone.card.features
        digests = self.dataset.digests
        features, missing = store.get(digests, width)
        first = {digests[row]: row for row in reversed(missing.tolist())}
        rows = np.array(sorted(first.values()), np.int64)
        for at in range(0, len(rows), KEPT_AT_ONCE):
            some = rows[at : at + KEPT_AT_ONCE]
            features[some] = self._kept(store, some, width, self._telling(at, len(rows)))
        if len(missing) > len(rows):
            features[missing] = features[[first[digests[row]] for row in missing]]
        return features

    def _kept(
        self, store: VectorStore, rows: np.ndarray, width: int, tell: Callable[[int], None] | None
    ) -> np.ndarray:
        """Computes some texts and keeps them; what is computed stays, also where `tell` ends the pass."""
        found, done = np.empty((len(rows), width), np.float32), np.zeros(len(rows), bool)
        try:
            for chosen, vectors in batches(self.engine, self.inputs, rows):
                found[chosen], done[chosen] = vectors, True
                if tell:
                    tell(int(done.sum()))
        finally:
            if done.any():
                store.put([self.dataset.digests[row] for row in rows[done]], found[done])
        return found

    def views(self, indices: np.ndarray, policy: Augment, count: int, seed: int) -> list[np.ndarray]:
        """Refuses augmented copies: nothing that leaves every text's label alone is known."""
        if count:
            raise UsageError(f"views={count} of texts.", allowed="views=0.", do="Leave `views` out.")
        return []

    def _facts(self) -> dict[str, object]:
        encoder, card = self.backbone.encoder, self.backbone.card
        return {
            "version": VERSION,
            "weights": self.backbone.weights_hash,
            "pooling": f"{card.pooling} {card.normalise} {card.architecture.get('gelu')}",
            "tokenizer": encoder.tokenizer.fingerprint if encoder else _vocabularies(self.backbone.network),
            "length": encoder.length if encoder else 0,
            "long_text": encoder.long_text if encoder else "",
            "engine": self.engine.name,
        }

    def _telling(self, before: int, total: int) -> Callable[[int], None] | None:
        tell = self.progress
        return (lambda done: tell(before + done, total, "features")) if tell else None


def by_length(lengths: np.ndarray, multiple: int = 1) -> Iterator[np.ndarray]:
    """Yields positions of batches, int64 (b,), longest first, so that little is padded and memory peaks at once.

    Args:
        lengths: Of each text, int (n,).
        multiple: What engines pad lengths to; above 1, batches have a power of two of texts, so that there are few
            shapes.
    """
    order = np.argsort(-lengths, kind="stable")
    at = 0
    while at < len(order):
        longest = -(-max(int(lengths[order[at]]), 1) // multiple) * multiple
        count = max(1, min(BATCH_TEXTS, BATCH_TOKENS // longest))
        if multiple > 1:
            count = 1 << (count.bit_length() - 1)
        yield order[at : at + count]
        at += count


def features_of(
    backbone: Backbone, inputs: Tokens | Strings, indices: np.ndarray, engine: TextEngine | None = None
) -> np.ndarray:
    """Returns features float32 (m, d) of some texts under the backbone's present weights; nothing is kept.

    Args:
        backbone: Whatever its weights are now.
        inputs: Texts as it eats them.
        indices: Which of them, int (m,).
        engine: Of this backbone, for those who ask again and again; by default a new one.
    """
    engine = engine or choose_text_engine(backbone, "graph")
    return computed(engine, inputs, indices, backbone.card.features)


def computed(engine: TextEngine, inputs: Tokens | Strings, indices: np.ndarray, width: int) -> np.ndarray:
    """Returns features float32 (m, width) of some texts, in their order, whatever the order they are computed in.

    Args:
        engine: Computes them.
        inputs: Texts as the backbone eats them.
        indices: Which of them, int (m,).
        width: Length of a feature vector.
    """
    features = np.empty((len(indices), width), np.float32)
    for chosen, vectors in batches(engine, inputs, indices):
        features[chosen] = vectors
    return features


def batches(
    engine: TextEngine, inputs: Tokens | Strings, indices: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields which of some texts were computed, positions int64 (b,), and their features float32 (b, d).

    Args:
        engine: Computes them.
        inputs: Texts as the backbone eats them.
        indices: Which of them, int (m,).
    """
    for chosen in by_length(inputs.lengths[indices], engine.multiple):
        yield chosen, engine(inputs.read(indices[chosen], engine.multiple))


def _vocabularies(network: keras.Model) -> str:
    """Returns a digest of how a network of strings reads them: its weights do not say."""
    known = [layer.get_vocabulary() for layer in network.layers if hasattr(layer, "get_vocabulary")]
    return hashlib.sha256(json.dumps([network.to_json(), known], default=str).encode()).hexdigest()

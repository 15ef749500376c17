"""Trains word vectors on a corpus of one's own: Word2Vec by gensim, the same numbers for the same seed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.errors import DataError, UsageError
from tlzoo.progress import Progress

LONGEST = 10_000
"""Words of a line that gensim looks at; it passes over the rest in silence, so longer texts are cut into lines."""


@dataclass(frozen=True)
class Word2VecOptions:
    """How vectors are trained.

    Attributes:
        size: Length of a vector.
        window: Words on each side that count as a word's company.
        min_count: Words seen less often are left out.
        epochs: Passes over the corpus.
        seed: Of everything random.

    Raises:
        UsageError: A number is out of range.
    """

    size: int = 100
    window: int = 5
    min_count: int = 5
    epochs: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least, most in (("size", 1, 4096), ("window", 1, 100), ("min_count", 1, 1 << 31)):
            if not least <= getattr(self, name) <= most:
                raise UsageError(f"{name}={getattr(self, name)}.", allowed=f"{least} to {most}.")
        if self.epochs < 1 or self.seed < 0:
            raise UsageError(f"epochs={self.epochs}, seed={self.seed}.", allowed="1 or more; 0 or more.")


@dataclass(frozen=True)
class Learned:
    """Trained vectors.

    Attributes:
        words: The most frequent first.
        vectors: float32 (len(words), size).
        seen: Words of the corpus, repetitions counted.
        kept: Those of them that are in the vocabulary.
    """

    words: list[str]
    vectors: np.ndarray
    seen: int
    kept: int


def require_gensim() -> Any:
    """Returns gensim's `Word2Vec`.

    Raises:
        UsageError: gensim is not installed.
    """
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise UsageError(
            f"Training word vectors needs gensim, which is not installed ({error}).",
            allowed="tlzoo with its extra `vectors`.",
            do="pip install 'tlzoo[vectors]'",
        ) from error
    return Word2Vec


def train(lines: Path, options: Word2VecOptions, progress: Progress | None = None) -> Learned:
    """Trains skip-gram vectors with negative sampling, which does better than CBOW on corpora that are not large.

    One thread only: with more, the order of updates, and so the numbers, would differ from run to run.

    Args:
        lines: A UTF-8 file of words separated by single spaces, at most `LONGEST` a line.
        options: How.
        progress: Told how many epochs are done.

    Raises:
        UsageError: gensim is not installed.
        DataError: No word occurs often enough.
    """
    model = require_gensim()(
        vector_size=options.size,
        window=options.window,
        min_count=options.min_count,
        seed=options.seed,
        sg=1,
        workers=1,
        hashfxn=_stable_hash,
    )
    corpus = _Lines(lines)
    model.build_vocab(corpus)
    if not len(model.wv):
        raise DataError(
            f"No word occurs {options.min_count} times in {model.corpus_total_words} words.",
            allowed="a corpus that repeats words.",
            do="Give a larger corpus, or lower --min-count.",
        )
    total = model.epochs = options.epochs
    for epoch, (begin, end) in enumerate(_rates(model, total)):
        if progress:
            progress(epoch, total, f"training vectors, epoch {epoch + 1}/{total}")
        model.train(corpus, total_examples=model.corpus_count, epochs=1, start_alpha=begin, end_alpha=end)
    counts = [model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key]
    vectors = np.asarray(model.wv.vectors, np.float32)
    return Learned(list(model.wv.index_to_key), vectors, int(model.corpus_total_words), int(sum(counts)))


def _rates(model: Any, epochs: int) -> Iterator[tuple[float, float]]:
    """Yields the learning rate at both ends of each epoch: one straight line over all of them."""
    high, low = model.alpha, model.min_alpha
    for epoch in range(epochs):
        yield tuple(high - (high - low) * at / epochs for at in (epoch, epoch + 1))


def _stable_hash(word: Any) -> int:
    """Hashes the same way in every process; Python's own hash of strings does not."""
    return zlib.crc32(str(word).encode())


class _Lines:
    """The words of each line, as often as asked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[list[str]]:
        with self.path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line.rstrip("\n").split(" ")

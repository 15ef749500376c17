"""From a corpus of one's own to a backbone: word vectors, their file, and a card in the user's own zoo."""

from __future__ import annotations

import json
import re
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo import paths, registry
from tlzoo.errors import DataError, UsageError
from tlzoo.progress import Progress

if TYPE_CHECKING:
    from tlzoo.training.word2vec import Learned, Word2VecOptions

_BATCH = 256
_SUFFIXES = (".bin", ".vec", ".txt")

_CARD = """\
title = {title}
family = "word_vectors"
modality = "text"
locator = {locator}
pooling = "none"
params = {params}
features = {width}
weight_bytes = {bytes}
licence = "LicenseRef-own"
citation = {citation}
notes = {notes}

[input]
length = 512

[tokenizer]
kind = "words"

[tokenizer.options]
lowercase = true

[pretraining]
dataset = {corpus}
classes = 0

[architecture]
rows = {rows}
width = {width}
pool = "mean"

[[checksums]]
file = {file}
sha256 = {sha256}

[[stages]]
name = "embedding"
tap = "pool"
"""


@dataclass(frozen=True)
class Trained:
    """What `train_vectors` made.

    Attributes:
        name: The backbone's name.
        file: The vectors, in word2vec's format.
        card: The backbone's card, in the user's own zoo.
        words: Size of the vocabulary.
        size: Length of a vector.
        seen: Words of the corpus, repetitions counted.
        out_of_vocabulary: Share of them that are too rare to have a vector, in 0..1.
        seconds: How long it took.
    """

    name: str
    file: Path
    card: Path
    words: int
    size: int
    seen: int
    out_of_vocabulary: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Returns what `tlzoo train-vectors --json` says of it."""
        return {**asdict(self), "file": str(self.file), "card": str(self.card)}


def train_vectors(
    corpus: Path | str,
    *,
    out: Path | str | None = None,
    name: str | None = None,
    column: str = "text",
    options: Word2VecOptions | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Trains word vectors on a corpus and makes a backbone of them.

    Args:
        corpus: See `tlzoo.data.corpus.documents`.
        out: Their file, `.bin` (binary) or `.vec`, `.txt` (text); by default in the user's own zoo.
        name: Of the backbone; by default after the corpus.
        column: Of the texts, for tables.
        options: How they are trained.
        progress: Told how far it is.

    Raises:
        UsageError: gensim is missing, or the name or the file is taken.
        DataError: The corpus cannot be read, or no word occurs often enough.

    Example:
        >>> train_vectors("reviews.csv", column="review", name="my_vectors").words  # doctest: +SKIP
        24310
        >>> tlzoo.train("labelled.csv", backbone="my_vectors")  # doctest: +SKIP
    """
    from tlzoo.data.corpus import documents
    from tlzoo.training import word2vec

    started, source = time.perf_counter(), Path(corpus)
    options = options or word2vec.Word2VecOptions()
    name = _free_name(name or re.sub(r"[^a-z0-9]+", "_", source.stem.lower()).strip("_"))
    file = _free_file(Path(out) if out else paths.user_zoo_dir() / "vectors" / f"{name}.bin")
    word2vec.require_gensim()
    texts = documents(source, column)
    with tempfile.TemporaryDirectory(prefix="tlzoo-vectors-") as folder:
        lines = Path(folder) / "words.txt"
        _cut(texts, lines, progress)
        learned = word2vec.train(lines, options, progress)
    from tlzoo.sources import vector_files

    vector_files.write(file, learned.words, learned.vectors)
    card = _register(name, file.resolve(), source.name, learned)
    return Trained(
        name,
        file,
        card,
        len(learned.words),
        options.size,
        learned.seen,
        round(1 - learned.kept / learned.seen, 4),
        round(time.perf_counter() - started, 1),
    )


def _free_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise UsageError(
            f"'{name}' is no name for a backbone.",
            allowed="small letters, digits and underscores.",
            do="--name my_vectors",
        )
    if name in registry.backbones() or name in registry.datasets():
        raise UsageError(
            f"There is a backbone or data set '{name}' already.",
            allowed="a new name.",
            do=f"--name {name}_2, or remove the old card if it is your own (it lies in {paths.user_zoo_dir()}).",
        )
    return name


def _free_file(path: Path) -> Path:
    if path.suffix not in _SUFFIXES or path.exists():
        raise UsageError(
            f"'{path}' {'exists' if path.exists() else 'is no file of word vectors'}.",
            allowed=f"a new file that ends in {', '.join(_SUFFIXES)}.",
            do="Choose another --out.",
        )
    return path


def _cut(texts: Iterable[str], lines: Path, progress: Progress | None) -> None:
    """Writes the words of each text on a line, by the rules by which texts are cut later; long texts take several."""
    done = 0
    with lines.open("w", encoding="utf-8", newline="\n") as file:
        for words in _words(texts):
            file.write(" ".join(words) + "\n")
            done += 1
            if progress and done % 1000 == 0:
                progress(done, None, f"reading the corpus, {done} lines")
    if not done:
        raise DataError("The corpus holds no word.", allowed="1 text or more.", do="Look into the file.")


def _words(texts: Iterable[str]) -> Iterator[list[str]]:
    import tensorflow as tf

    from tlzoo.sources.words import split_words
    from tlzoo.training.word2vec import LONGEST

    cut = tf.function(split_words, input_signature=[tf.TensorSpec((None,), tf.string)], autograph=False)
    rest = iter(texts)
    while batch := list(islice(rest, _BATCH)):
        for row in cut(tf.constant(batch)).to_list():
            words = [word.decode("utf-8") for word in row]
            for start in range(0, len(words), LONGEST):
                yield words[start : start + LONGEST]


def _register(name: str, file: Path, corpus: str, learned: Learned) -> Path:
    """Writes the card, once it is known to hold together."""
    from tlzoo.cards import BackboneCard
    from tlzoo.sources import verify

    rows, width = len(learned.words) + 1, learned.vectors.shape[1]
    texts = {
        "title": f"Word vectors trained on {corpus}",
        "locator": f"file:{file}",
        "citation": f"Trained by `tlzoo train-vectors` on {corpus}; Word2Vec: Mikolov et al., NeurIPS 2013, "
        "arXiv:1310.4546",
        "notes": f"Your own: {learned.seen} words were read, {learned.kept} of them are in the vocabulary.",
        "corpus": corpus,
        "file": file.name,
        "sha256": verify.sha256_of(file),
    }
    quoted = {key: json.dumps(text, ensure_ascii=False).replace("\x7f", "") for key, text in texts.items()}
    counts = {"rows": rows, "width": width, "params": rows * width + 1, "bytes": file.stat().st_size}
    text = _CARD.format(**quoted, **counts)
    BackboneCard.model_validate({"name": name, **tomllib.loads(text)})
    card = paths.user_zoo_dir() / "backbones" / f"{name}.toml"
    paths.write_text(card, text)
    return card

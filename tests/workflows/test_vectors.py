"""From a corpus to a backbone: vectors that make sense, the same every time, and nothing half done."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.toys import cache  # noqa: F401
from tlzoo import registry
from tlzoo.backbones.load import load_backbone
from tlzoo.errors import DataError, UsageError
from tlzoo.sources.words import out_of_vocabulary
from tlzoo.training import word2vec
from tlzoo.training.word2vec import Word2VecOptions
from tlzoo.workflows.vectors import train_vectors

pytestmark = pytest.mark.slow

ANIMALS, MONEY = (
    ["cat", "dog", "pet", "ran", "slept", "mat", "fur"],
    ["bank", "loan", "rate", "paid", "owes", "tax", "budget"],
)
SMALL = Word2VecOptions(size=12, epochs=8)


@pytest.fixture
def own(tmp_path, monkeypatch, cache):  # noqa: F811
    monkeypatch.setenv("TLZOO_USER_ZOO", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def corpus(tmp_path):
    """900 lines about animals or about money, with words of both, and one that is rare."""
    choose = random.Random(0)
    lines = [
        " ".join(["The", *choose.choices(MONEY if n % 2 else ANIMALS, k=10), "isn't."]) for n in range(900)
    ]
    (tmp_path / "my corpus.txt").write_text("\n".join([*lines, "hapax"]))
    return tmp_path / "my corpus.txt"


@pytest.fixture
def gensim():
    return pytest.importorskip("gensim")


def test_a_corpus_becomes_a_backbone(own, corpus, gensim):
    told = []
    done = train_vectors(corpus, options=SMALL, progress=lambda *said: told.append(said))
    assert (done.name, done.words, done.size) == ("my_corpus", 18, 12)
    assert done.file == own / "vectors" / "my_corpus.bin"
    assert done.card == own / "backbones" / "my_corpus.toml"
    assert done.seen == 900 * 14 + 1
    assert done.out_of_vocabulary == round(1 / done.seen, 4)
    assert (7, 8, "training vectors, epoch 8/8") in told
    backbone = load_backbone("my_corpus")
    tokens = backbone.encoder(tf.constant(["The cat isn't hapax."]))
    assert backbone.encoder.tokenizer.words(tokens.numpy()[0].tolist()) == [
        "the",
        "cat",
        "is",
        "n't",
        "<unknown>",
        ".",
    ]
    assert out_of_vocabulary(backbone.encoder.tokenizer, corpus.read_text().splitlines()) < 0.001
    vectors = np.asarray(backbone.model(backbone.encoder(tf.constant(["cat", "dog", "loan"]))))
    cat, dog, loan = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert cat @ dog > cat @ loan + 0.2


def test_the_same_seed_gives_the_same_bytes_in_every_process(own, corpus, gensim, tmp_path):
    digests = set()
    for number, seed in enumerate((0, 0, 1)):
        code = f"""
from tlzoo.training.word2vec import Word2VecOptions
from tlzoo.workflows.vectors import train_vectors
train_vectors({str(corpus)!r}, name="n{number}", out={str(tmp_path / f"{number}.bin")!r},
              options=Word2VecOptions(size=8, epochs=2, seed={seed}))
"""
        environment = os.environ | {"PYTHONHASHSEED": str(number + 1)}
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
        digests.add(hashlib.sha256((tmp_path / f"{number}.bin").read_bytes()).hexdigest())
    assert len(digests) == 2


@pytest.mark.parametrize("suffix", [".vec", ".txt", ".bin"])
def test_files_of_every_form_load_again(own, corpus, gensim, tmp_path, suffix):
    train_vectors(corpus, name="mine", out=tmp_path / f"v{suffix}", options=Word2VecOptions(size=4, epochs=1))
    assert load_backbone("mine").network.output_shape == (None, 4)


def test_long_texts_are_seen_whole(own, gensim, tmp_path, monkeypatch):
    monkeypatch.setattr(word2vec, "LONGEST", 50)
    (tmp_path / "long.txt").write_text(" ".join(["word"] * 200 + ["last"] * 5))
    assert train_vectors(tmp_path / "long.txt", options=Word2VecOptions(size=4, epochs=1)).words == 2


def test_without_gensim_nothing_begins(own, corpus, monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(UsageError, match="needs gensim, which is not installed") as caught:
        train_vectors(corpus)
    assert caught.value.do == "pip install 'tlzoo[vectors]'"
    assert not own.exists()


def test_names_and_files_that_are_taken_are_refused_first(own, corpus, tmp_path):
    (own / "backbones").mkdir(parents=True)
    (own / "backbones" / "mine.toml").write_text("")
    for name in ("resnet50", "digits", "mine"):
        with pytest.raises(UsageError, match=f"There is a backbone or data set '{name}' already") as caught:
            train_vectors(corpus, name=name)
        assert f"--name {name}_2" in caught.value.do
    for name in ("My-Vectors", "..", "a/b"):
        with pytest.raises(UsageError, match="is no name for a backbone"):
            train_vectors(corpus, name=name)
    (tmp_path / "v.bin").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        train_vectors(corpus, out=tmp_path / "v.bin")
    with pytest.raises(UsageError, match="is no file of word vectors"):
        train_vectors(corpus, out=tmp_path / "v.model")
    assert (tmp_path / "v.bin").read_bytes() == b"mine"


def test_corpora_without_enough_words(own, gensim, tmp_path):
    (tmp_path / "few.txt").write_text("each word once\n")
    with pytest.raises(DataError, match="No word occurs 5 times in 3 words"):
        train_vectors(tmp_path / "few.txt")
    (tmp_path / "few.txt").write_text("\u200b\n")
    with pytest.raises(DataError, match="holds no word"):
        train_vectors(tmp_path / "few.txt")
    assert not own.exists()


@pytest.mark.parametrize("wrong", [{"size": 0}, {"window": 0}, {"min_count": 0}, {"epochs": 0}, {"seed": -1}])
def test_numbers_out_of_range(wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))}="):
        Word2VecOptions(**wrong)


def test_a_card_names_any_corpus(own, corpus, gensim):
    odd = corpus.rename(corpus.with_name('a "quoted" \\ name.txt'))
    done = train_vectors(odd, name="odd", options=Word2VecOptions(size=4, epochs=1))
    card = registry.backbones().get("odd")
    assert card.pretraining.dataset == 'a "quoted" \\ name.txt'
    assert card.locator == f"file:{done.file}"

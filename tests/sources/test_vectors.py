"""Word vectors in the cache: read once, opened at once, never half there."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest

from tests.sources.word_cards import VECTORS, WORDS, card_of, written
from tlzoo import registry
from tlzoo.errors import CardError, UnreachableError, WeightsError
from tlzoo.sources import vector_files
from tlzoo.sources.vectors import open_vectors, vectors_of


def test_the_first_look_converts_and_the_second_opens(tmp_path, cache, monkeypatch):
    path = written(tmp_path)
    told = []
    first = open_vectors(path, progress=lambda *said: told.append(said))
    assert told == [(len(WORDS), None, f"reading v.vec, {len(WORDS)} words")]
    assert first.words == WORDS
    np.testing.assert_array_equal(first.matrix[:-1], VECTORS)
    assert isinstance(first.matrix, np.memmap)
    assert not first.matrix.flags.writeable
    monkeypatch.setattr(vector_files, "blocks", lambda *_: pytest.fail("read again"))
    second = open_vectors(path)
    assert second == first
    assert second.words == WORDS
    assert [part.name for part in (cache / "vectors").iterdir() if not part.name.startswith(".")] == [
        first.folder.name
    ]


def test_unknown_words_get_the_mean_of_all(tmp_path, cache):
    vectors = open_vectors(written(tmp_path))
    assert vectors.unknown == len(WORDS)
    np.testing.assert_allclose(vectors.matrix[vectors.unknown], VECTORS.mean(axis=0), rtol=1e-6)


def test_or_the_vector_that_was_trained_for_them(tmp_path, cache):
    (tmp_path / "v.txt").write_text("a 1 2\n<unk> 3 4\nb 5 6\n")
    vectors = open_vectors(tmp_path / "v.txt")
    assert vectors.unknown == 1
    assert vectors.matrix.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_the_first_of_words_that_repeat_counts(tmp_path, cache):
    (tmp_path / "v.txt").write_text("a 1 2\na 9 9\nb 3 4\n")
    vectors = open_vectors(tmp_path / "v.txt")
    assert vectors.words == ["a", "b"]
    assert vectors.matrix.tolist() == [[1, 2], [3, 4], [2, 3]]


def test_words_with_line_breaks_shift_no_other(tmp_path, cache):
    np.save(tmp_path / "v.npy", np.eye(3, dtype="f4"))
    (tmp_path / "w.txt").write_bytes("a\rb\nc\u2028d\ne".encode())
    vectors = open_vectors(tmp_path / "v.npy", tmp_path / "w.txt")
    assert vectors.words == ["a�b", "c\u2028d", "e"]


def test_other_contents_and_other_formats_get_folders_of_their_own(tmp_path, cache):
    folders = {open_vectors(written(tmp_path, name)).folder for name in ("v.vec", "v.bin", "w.vec")}
    assert len(folders) == 2  # v.vec and w.vec hold the same bytes
    (tmp_path / "w.vec").write_text("a 1\n")
    assert open_vectors(tmp_path / "w.vec").folder not in folders


def test_damage_leaves_nothing_behind(tmp_path, cache):
    (tmp_path / "v.txt").write_text("a 1 2\nb 3 x\n")
    with pytest.raises(WeightsError, match="line 2"):
        open_vectors(tmp_path / "v.txt")
    assert [part for part in (cache / "vectors").iterdir() if part.is_dir()] == []
    (tmp_path / "v.txt").write_text("a 1 2\nb 3 4\n")
    assert open_vectors(tmp_path / "v.txt").words == ["a", "b"]


def test_a_copy_that_was_cut_off_is_made_again(tmp_path, cache):
    path = written(tmp_path)
    folder = open_vectors(path).folder
    (folder / "note.json").unlink()
    (folder / "vectors.npy").write_bytes(b"half")
    assert len(open_vectors(path).matrix) == len(WORDS) + 1


def test_cards_say_where_vectors_are(tmp_path, cache):
    assert vectors_of(card_of(written(tmp_path))).words == WORDS
    with pytest.raises(UnreachableError, match="mine"):
        vectors_of(card_of(tmp_path / "none.vec"))


def test_a_vocabulary_that_is_missing(tmp_path, cache):
    np.save(tmp_path / "v.npy", VECTORS)
    card = card_of(tmp_path / "v.npy")
    tokenizer = card.tokenizer.model_copy(update={"options": {"vocabulary": "words.txt"}})
    with pytest.raises(WeightsError, match=r"words\.txt cannot be read"):
        vectors_of(card.model_copy(update={"tokenizer": tokenizer}))


def test_sources_without_files_have_no_vectors(monkeypatch):
    from tlzoo.sources import networks

    monkeypatch.setattr(networks, "fetch", lambda card: None)
    with pytest.raises(CardError, match="gives no file of word vectors"):
        vectors_of(registry.backbones().get("glove_50d"))


def test_glove_opens_quickly_the_second_time(glove):
    """Measured on 2 cores: 1.9 s the first time, 0.07 s then, of which hashing 84 MB is nearly all."""
    vocabulary = glove.with_name("glove_6B_index.parquet")
    first = open_vectors(glove, vocabulary)
    started = time.perf_counter()
    vectors = open_vectors(glove, vocabulary)
    assert time.perf_counter() - started < 2
    assert first == vectors
    assert vectors.matrix.shape == (400_001, 50)
    original = np.load(glove, mmap_mode="r")
    rows = np.random.default_rng(0).integers(0, 400_000, 1000)
    np.testing.assert_array_equal(vectors.matrix[rows], original[rows])
    np.testing.assert_allclose(vectors.matrix[0][:3], [0.418, 0.24968, -0.41242], rtol=1e-6)  # `the`
    assert hashlib.sha256("\n".join(vectors.words).encode()).hexdigest().startswith("029a7168ebc71f71")

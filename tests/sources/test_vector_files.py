"""Every format of word vectors, whole and not whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.parquets import simple
from tlzoo.errors import UsageError, WeightsError
from tlzoo.sources import vector_files

WORDS = ["the", ",", "n't", "café", "new york"]
VECTORS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def lines(words=WORDS, vectors=VECTORS, end=""):
    return "".join(
        f"{word} {' '.join(map(str, row))}{end}\n" for word, row in zip(words, vectors, strict=True)
    )


def read(path, vocabulary=None):
    blocks = list(vector_files.blocks(path, vocabulary))
    return [word for words, _ in blocks for word in words], np.concatenate([block for _, block in blocks])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors")


def binary(end=b""):
    pairs = zip(WORDS[:4], VECTORS, strict=False)
    return b"4 3\n" + b"".join(word.encode() + b" " + row.tobytes() + end for word, row in pairs)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("glove.txt", lines().encode()),
        ("word2vec.txt", f"5 3\n{lines()}".encode()),
        ("fasttext.vec", f"5 3\n{lines(end=' ')}".encode()),  # fastText ends lines with a space
        ("windows.TXT", lines(end="\r").encode()),
        ("no_end.vec", lines().rstrip("\n").encode()),
    ],
)
def test_text(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    words, vectors = read(tmp_path / name)
    assert words == WORDS
    np.testing.assert_array_equal(vectors, VECTORS)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_binary_with_and_without_line_breaks(tmp_path, end):
    (tmp_path / "v.bin").write_bytes(binary(end))
    words, vectors = read(tmp_path / "v.bin")
    assert words == WORDS[:4]
    np.testing.assert_array_equal(vectors, VECTORS[:4])


@pytest.mark.parametrize("vocabulary", ["words.txt", "words.parquet"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_numpy_with_its_words(tmp_path, vocabulary, order, kind):
    np.save(tmp_path / "v.npy", np.asarray(VECTORS, kind, order=order))
    text = "\n".join(WORDS).encode()
    (tmp_path / vocabulary).write_bytes(simple(WORDS) if vocabulary.endswith("parquet") else text)
    words, vectors = read(tmp_path / "v.npy", tmp_path / vocabulary)
    assert words == WORDS
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, VECTORS.astype(kind))


@pytest.mark.parametrize("name", ["v.bin", "v.vec", "v.txt"])
def test_many_words_come_back_in_blocks(tmp_path, name):
    words, vectors = [f"w{i}" for i in range(9000)], np.random.default_rng(1).normal(size=(9000, 4))
    vector_files.write(tmp_path / name, words, vectors.astype(np.float32))
    assert [len(block) for _, block in vector_files.blocks(tmp_path / name)] == [4096, 4096, 808]
    back, numbers = read(tmp_path / name)
    assert back == words
    np.testing.assert_array_equal(numbers, vectors.astype(np.float32))


def test_gensim_reads_what_is_written_and_writes_what_is_read(tmp_path):
    keyed = pytest.importorskip("gensim.models").KeyedVectors
    for name, is_binary in (("v.bin", True), ("v.vec", False)):
        vector_files.write(tmp_path / name, WORDS[:4], VECTORS[:4])
        theirs = keyed.load_word2vec_format(tmp_path / name, binary=is_binary)
        assert theirs.index_to_key == WORDS[:4]
        np.testing.assert_array_equal(theirs.vectors, VECTORS[:4])
        theirs.save_word2vec_format(str(tmp_path / f"theirs_{name}"), binary=is_binary)
        np.testing.assert_array_equal(read(tmp_path / f"theirs_{name}")[1], VECTORS[:4])


def test_a_word_that_is_not_utf8_keeps_its_place(tmp_path):
    (tmp_path / "v.txt").write_bytes(b"a 1 2\nb\xff 3 4\n")
    words, vectors = read(tmp_path / "v.txt")
    assert words == ["a", "b�"]
    assert vectors.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("v.txt", b"", "line 1 has 0 fields"),
        ("v.txt", b"word\n", "line 1 has 1 fields"),
        ("v.txt", b"a 1 2\nb 3\n", "line 2 is no word with 2 numbers"),
        ("v.txt", b"a 1 2\nb 3 4\n\nc 5 6\n", "line 3 is no word with 2 numbers"),
        ("v.txt", b"a 1 2\nb 3 x4\n", r"line 2 \('b'\) has a part that is no number"),
        ("v.txt", b"a 1 2\nb 3 4e\n", r"line 2 \('b'\) has a part that is no number"),
        ("v.txt", b"a 1 2\nb 3 nan\n", "line 2 holds a number that is not finite"),
        ("v.txt", b"a 1 2\nb inf 4\n", "line 2 holds a number that is not finite"),
        ("v.vec", b"3 2\na 1 2\nb 3 4\nlonger", "line 4 is no word"),
        ("v.vec", b"3 2\na 1 2\nb 3 4.0000\n", "line 1 promises 3 words, and 2 follow"),
        ("v.vec", b"999999999999 300\na 1 2\n", "line 1 promises 999999999999 words of 300 numbers, in "),
        ("v.vec", b"2 999999\na 1 2\n", "line 1 promises"),
        ("v.bin", b"", "line 1 is not `COUNT WIDTH`"),
        ("v.bin", b"four 3\n", "line 1 is not"),
        ("v.bin", b"\xba\x16\x4f\x2f\x0c\x00", "whole fastText model"),
        ("v.bin", b"999999999 300\nab ", "line 1 promises 999999999 words"),
        ("v.bin", b"0 3\n", "line 1 promises 0 words"),
        ("v.bin", binary()[:-1], "ends within words 0 to 4"),
        ("v.bin", b"1 2\n" + b"x" * 5000, "word 0 does not end"),
        ("v.bin", b"1 1\na " + np.float32("nan").tobytes(), "word 0 holds a number that is not finite"),
    ],
)
def test_damage_is_refused_and_placed(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=says) as caught:
        read(tmp_path / name)
    assert caught.value.allowed
    assert caught.value.do == "Fetch or make it again."


@given(
    at=st.integers(0, 10_000),
    byte=st.integers(0, 255),
    cut=st.booleans(),
    name=st.sampled_from(["v.bin", "v.vec"]),
)
def test_damage_anywhere_is_refused_or_harmless(place, at, byte, cut, name):
    data = bytearray(binary() if name == "v.bin" else f"5 3\n{lines()}".encode())
    at %= len(data)
    data[at] = byte
    (place / name).write_bytes(data[:at] if cut else data)
    try:
        words, vectors = read(place / name)
        assert vectors.ndim == 2
        assert len(words) == len(vectors)
        assert np.isfinite(vectors).all()
    except WeightsError:
        pass


@given(words=st.lists(st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1), min_size=1))
def test_any_words_and_numbers_come_back(place, words):
    numbers = np.random.default_rng(len(words)).normal(size=(len(words), 2)).astype(np.float32)
    for name in ("any.bin", "any.vec"):
        vector_files.write(place / name, words, numbers)
        back, vectors = read(place / name)
        assert back == words
        np.testing.assert_array_equal(vectors, numbers)


def test_arrays_that_do_not_fit_their_words(tmp_path):
    (tmp_path / "w.txt").write_text("a\nb\n")
    for array in (np.zeros((3, 2), "f4"), np.zeros(2, "f4"), np.zeros((2, 2), "i4")):
        np.save(tmp_path / "v.npy", array)
        with pytest.raises(WeightsError, match="its vocabulary 2 words"):
            read(tmp_path / "v.npy", tmp_path / "w.txt")
    np.save(tmp_path / "v.npy", np.array([{}, {}], dtype=object))
    with pytest.raises(WeightsError):  # a pickle
        read(tmp_path / "v.npy", tmp_path / "w.txt")
    (tmp_path / "w.txt").write_bytes(b"\xff")
    with pytest.raises(WeightsError, match=r"w\.txt is damaged"):
        read(tmp_path / "v.npy", tmp_path / "w.txt")


@pytest.mark.parametrize(
    ("name", "words"), [("v.gz", None), ("v.npy", None), ("v.txt", "w.txt"), ("v.model", None)]
)
def test_other_formats_are_refused(tmp_path, name, words):
    with pytest.raises(UsageError, match="are no word vectors") as caught:
        vector_files.blocks(tmp_path / name, words and tmp_path / words)
    assert ".vec, .txt, .bin, .npy" in caught.value.allowed

"""Texts into words, as GloVe's vocabulary has them, in a graph and out of it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.word_cards import WORDS, card_of, written
from tlzoo.errors import CardError, UsageError
from tlzoo.sources.tokenizers import load_tokenizer
from tlzoo.sources.vectors import open_vectors
from tlzoo.sources.words import WordTokenizer, load_words_tokenizer, out_of_vocabulary, split_words


def cut(text, **options):
    return [word.decode() for word in split_words(tf.constant([text]), **options).to_list()[0]]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return WordTokenizer(open_vectors(written(tmp_path_factory.mktemp("words"))))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world!", "hello , world !"),
        ("Don't go; it's fine.", "do n't go ; it 's fine ."),
        ("CAN'T WON'T I'LL THEY'RE", "ca n't wo n't i 'll they 're"),
        ("don’t, it’s", "do n’t , it ’s"),
        ("the 'second' word", "the ' second ' word"),
        ("o'clock O'Brien rock'n'roll", "o'clock o'brien rock'n'roll"),
        ("'90s get 'em", "'90s get 'em"),
        ("$1,000.50 at 10:30, 6-3 or 9/11", "$ 1,000.50 at 10:30 , 6-3 or 9/11"),
        ("50% of #1", "50 % of # 1"),
        ("3D in the 1990s, 2nd", "3d in the 1990s , 2nd"),
        ("U.S. and U.S.-led at 5 p.m.", "u.s. and u.s.-led at 5 p.m."),
        ("Mr. Smith. Dr. No.", "mr. smith . dr. no ."),
        ("well-known and/or AT&T", "well-known and/or at&t"),
        ("End.Start", "end . start"),
        ("Wait... no -- what?! Yes!!", "wait ... no -- what ?! yes !!"),
        ("(see [1])", "( see [ 1 ] )"),
        ("\"quoted\" ``and''", "\" quoted \" `` and ''"),
        ("ok :) ;-(", "ok :) ;-("),
        ("See http://a.org/x?y=1, or www.b.com.", "see http://a.org/x?y=1 , or www.b.com ."),
        ("mail me@x.org.", "mail me@x.org ."),
        ("ÉCOLE Zürich МОСКВА ΣΑΣ", "école zürich москва σας"),
        ("a\u00a0b\u3000c\td\n e\u2028f\x00g", "a b c d e f g"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("yes😀😀no", "yes 😀 😀 no"),
        ("e\u0301cole", "e\u0301cole"),  # two characters stay two: there is no NFC among TensorFlow's own ops
        ("", ""),
        (" \t\n", ""),
    ],
)
def test_rules(text, words):
    assert cut(text) == words.split()


def test_letters_stay_large_if_asked():
    assert cut("Don't GO, Mr. ÉCOLE ISN'T", lowercase=False) == [
        "Do",
        "n't",
        "GO",
        ",",
        "Mr.",
        "ÉCOLE",
        "IS",
        "N'T",
    ]


def test_bytes_that_are_no_text_become_the_replacement_character():
    assert cut(b"ok \xff\xfe ok") == ["ok", "�", "�", "ok"]


@settings(deadline=None)
@given(texts=st.lists(st.text(max_size=60), max_size=5), lowercase=st.booleans())
def test_any_text_is_cut_and_no_letter_is_lost(texts, lowercase):
    if lowercase:  # whose letters are as small as they get, and stay so
        texts = [text.lower() for text in texts if text.lower() == text.lower().lower()]
    words = split_words(tf.constant(texts, tf.string), lowercase=lowercase).to_list()
    assert len(words) == len(texts)
    for text, row in zip(texts, words, strict=True):
        kept = "".join(word.decode() for word in row)
        assert [c for c in kept if c.isalnum()] == [c for c in text if c.isalnum()]
        assert not any(c.isspace() for c in kept)


def test_tokens_are_rows(tokenizer):
    ragged = tokenizer(tf.constant(["The cat.", "", "Don't DO"]))
    assert ragged.dtype == tf.int32
    assert ragged.shape.as_list() == [3, None]
    assert ragged.to_list() == [[0, 2, 1], [], [5, 4, 5]]
    assert tokenizer(tf.constant([], tf.string)).to_list() == []
    assert tokenizer.words([0, 2, 12]) == ["the", "cat", "<unknown>"]
    assert (tokenizer.start, tokenizer.end, tokenizer.size, tokenizer.unknown) == ((), (), 13, 12)
    assert tokenizer.core_ops


def test_wholes_that_are_not_known_are_cut_further(tokenizer):
    def read(text):
        return tokenizer.words(tokenizer(tf.constant([text])).to_list()[0])

    assert read("well-known") == ["well-known"]
    assert read("cat-dog") == ["cat", "-", "dog"]
    assert read("U.S. cat/dog") == ["u.s.", "cat", "<unknown>", "dog"]
    assert read("bird") == ["<unknown>"]
    assert read("bird cat-bird-art the") == ["<unknown>", "cat", "-", "<unknown>", "-", "art", "the"]


def test_graphs_cut_as_eager_code_does(tokenizer):
    texts = tf.constant(["The cat isn't well-known.", "", "école cat-dog"])
    spec = [tf.TensorSpec((None,), tf.string)]
    graph = tf.function(tokenizer, input_signature=spec, autograph=False)
    assert graph(texts).to_list() == tokenizer(texts).to_list()


def test_fingerprints_tell_vocabularies_and_options_apart(tokenizer, tmp_path):
    same = WordTokenizer(open_vectors(written(tmp_path)))
    assert same.fingerprint == tokenizer.fingerprint
    assert WordTokenizer(open_vectors(written(tmp_path)), lowercase=False).fingerprint != same.fingerprint
    (tmp_path / "other.vec").write_text("a 1\n")
    assert WordTokenizer(open_vectors(tmp_path / "other.vec")).fingerprint != same.fingerprint


def test_cards_name_their_options(tmp_path):
    card = card_of(written(tmp_path))
    assert load_words_tokenizer(card).lowercase
    assert isinstance(load_tokenizer(card), WordTokenizer)

    def with_options(**options):
        return card.model_copy(update={"tokenizer": card.tokenizer.model_copy(update={"options": options})})

    assert load_words_tokenizer(with_options()).lowercase
    assert not load_words_tokenizer(with_options(lowercase=False)).lowercase
    for wrong in ({"lower": True}, {"lowercase": "yes"}):
        with pytest.raises(CardError, match=r"\[tokenizer\] has options") as caught:
            load_words_tokenizer(with_options(**wrong))
        assert caught.value.allowed == "`lowercase` (true or false) and `vocabulary` (a file name)."


def test_the_share_out_of_vocabulary(tokenizer):
    assert out_of_vocabulary(tokenizer, ["the cat", "the bird"]) == 0.25
    assert out_of_vocabulary(tokenizer, (text for text in ["the bird"] * 5), batch=2) == 0.5
    assert out_of_vocabulary(tokenizer, []) == out_of_vocabulary(tokenizer, ["", " "]) == 0.0


def test_where_nothing_is_unknown_there_is_no_share(tokenizer):
    class Knows(WordTokenizer):
        def __init__(self):
            self.unknown = None

    with pytest.raises(UsageError, match="no number for unknown words"):
        out_of_vocabulary(Knows(), ["a"])


@pytest.mark.slow
def test_an_export_needs_tensorflow_alone(tokenizer, tmp_path):
    """Strings in, tokens out, in a process that has neither tlzoo nor tensorflow_text, after the cache is gone."""
    module = tf.Module()
    module.resources = tokenizer.resources
    spec = [tf.TensorSpec((None,), tf.string)]
    module.cut = tf.function(
        lambda texts: tokenizer(texts).to_tensor(-1), input_signature=spec, autograph=False
    )
    tf.saved_model.save(module, tmp_path / "export")
    (tmp_path / "export").rename(tmp_path / "moved")
    code = f"""
import sys
import tensorflow as tf
cut = tf.saved_model.load({str(tmp_path / "moved")!r}).cut
print(cut(tf.constant(["The cat isn't well-known.", "", "bird"])).numpy().tolist())
print(*[name for name in ("tensorflow_text", "tlzoo", "keras_hub") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    said = done.stdout.splitlines()
    texts = tf.constant(["The cat isn't well-known.", "", "bird"])
    assert said[0] == str(tokenizer(texts).to_tensor(-1).numpy().tolist())
    assert said[1:] == [""]
    assert (tmp_path / "moved" / "assets" / "words.txt").read_text().split("\n")[: len(WORDS)] == WORDS


def test_glove_knows_nearly_every_word_of_english(glove):
    tokenizer = WordTokenizer(open_vectors(glove, glove.with_name("glove_6B_index.parquet")))
    texts = [
        "I couldn't put it down: Mr. O'Brien's second-best novel, from 1984, isn't dull!",
        "The U.S. economy grew 2.5% in the third quarter, the government said on Thursday.",
        "Café owners in Zürich don’t mind; state-of-the-art machines cost $1,200 and/or more...",
    ]
    assert out_of_vocabulary(tokenizer, texts) == 0.0
    assert tokenizer.words(tokenizer(tf.constant(texts[:1])).to_list()[0])[:6] == [
        "i",
        "could",
        "n't",
        "put",
        "it",
        "down",
    ]
    assert 0 < out_of_vocabulary(tokenizer, ["qwrtzpsdf the"]) <= 0.5
    assert np.array_equal(tokenizer(tf.constant(["the , . of"])).to_list(), [[0, 1, 2, 3]])

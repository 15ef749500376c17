"""WordPiece against the algorithm of BERT's authors, as Hugging Face's library has it."""

import keras_hub
import pytest
import tensorflow as tf
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers

from tests.text_families import FAMILIES, LINES, ODD
from tlzoo.sources.word_pieces import WordPieces

# Letters, accents, punctuation, spaces and symbols; both libraries' tables are too old for newer scripts.
ALPHABET = st.one_of(
    *(
        st.characters(min_codepoint=first, max_codepoint=last, exclude_categories=["Cs", "Cn", "Co"])
        for first, last in (
            (0, 0x5FF),
            (0x2000, 0x2DFF),
            (0x3000, 0x33FF),
            (0x4E00, 0x4FFF),
            (0x1F600, 0x1F64F),
        )
    )
)


def _reference(layer):
    vocabulary = {word: index for index, word in enumerate(layer.get_vocabulary())}
    made = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(lowercase=layer.lowercase)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return lambda texts: [one.ids for one in made.encode_batch(texts, add_special_tokens=False)]


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def both(request):
    words = FAMILIES["bert"].tokenizer().get_vocabulary()
    layer = keras_hub.tokenizers.BertTokenizer(words, lowercase=request.param)
    return WordPieces(layer), _reference(layer)


def test_odd_texts(both):
    pieces, reference = both
    texts = [*ODD, *LINES, "Straße", "İstanbul", "a\u00a0b", "co\u00adop", "\ufeffthe", "x" * 100, "x" * 101]
    assert pieces(tf.constant(texts)).to_list() == reference(texts)


@settings(deadline=None, max_examples=150)
@given(texts=st.lists(st.text(ALPHABET, max_size=25), min_size=1, max_size=6))
def test_any_text(both, texts):
    pieces, reference = both
    assert pieces(tf.constant(texts)).to_list() == reference(texts)


def test_accents_stay_where_case_does():
    layer = keras_hub.tokenizers.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "é", "e"])
    assert WordPieces(layer)(tf.constant(["é e É"])).to_list() == [[5, 6, 1]]
    lower = keras_hub.tokenizers.BertTokenizer(layer.get_vocabulary(), lowercase=True)
    assert WordPieces(lower)(tf.constant(["é e É"])).to_list() == [[6, 6, 6]]

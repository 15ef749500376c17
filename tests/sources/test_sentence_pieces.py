"""SentencePiece inside its own graph: KerasHub's numbers, and none of its lost models."""

import keras
import pytest
import tensorflow as tf

from tests.text_families import FAMILIES, LINES, ODD
from tlzoo.sources.sentence_pieces import SentencePieces


@pytest.fixture(scope="module", params=["albert", "deberta_v3", "xlm_roberta", "gemma3"])
def layer(request):
    return FAMILIES[request.param].tokenizer()


def _graph(pieces):
    return tf.function(lambda texts: pieces(texts), input_signature=[tf.TensorSpec((None,), tf.string)])


def test_numbers_are_kerashubs(layer):
    texts = [*ODD, *LINES]
    expected = [list(row) for row in layer.tokenize(texts)]
    assert _graph(SentencePieces(layer))(tf.constant(texts)).to_list() == expected


def test_a_new_random_seed_destroys_nothing(layer):
    cut, texts = _graph(SentencePieces(layer)), tf.constant(LINES)
    before = cut(texts).to_list()
    keras.utils.set_random_seed(5)
    assert cut(texts).to_list() == before


def test_the_graph_holds_the_model(layer, tmp_path):
    module = tf.Module()
    module.cut = _graph(SentencePieces(layer))
    tf.saved_model.save(module, tmp_path)
    again = tf.saved_model.load(tmp_path)
    assert again.cut(tf.constant(ODD)).to_list() == module.cut(tf.constant(ODD)).to_list()

"""KerasHub's tokenizers behind the contract: numbers, names, fingerprints."""

import subprocess
import sys

import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text_families import FAMILIES, LINES, ODD, byte_pairs
from tlzoo.sources.hub_tokenizer import HubTokenizer

pytestmark = pytest.mark.slow

PRINT = """
import sys
from tests.text_families import FAMILIES
from tlzoo.sources.hub_tokenizer import HubTokenizer
print(*(HubTokenizer(FAMILIES[name].tokenizer()).fingerprint for name in sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def made():
    return {name: HubTokenizer(family.tokenizer()) for name, family in FAMILIES.items()}


@pytest.fixture(params=FAMILIES)
def tokenizer(request, made):
    return made[request.param]


def test_tokens_are_ragged_int32_within_the_vocabulary(tokenizer):
    tokens = tokenizer(tf.constant(ODD))
    assert isinstance(tokens, tf.RaggedTensor)
    assert tokens.dtype == tf.int32
    assert tokens.nrows() == len(ODD)
    assert tokens[0].shape == (0,)
    assert tf.reduce_min(tokens.flat_values) >= 0
    assert tf.reduce_max(tokens.flat_values) < tokenizer.size


def test_no_text_at_all(tokenizer):
    assert tokenizer(tf.constant([], tf.string)).shape[0] == 0


def test_marks_are_no_part_of_the_text(tokenizer):
    plain = tokenizer(tf.constant(LINES[:2])).to_list()
    assert not {*tokenizer.start, *tokenizer.end} & {token for row in plain for token in row}


def test_words_spell_the_text(tokenizer):
    row = tokenizer(tf.constant(["the quick fox"])).to_list()[0]
    spelt = "".join(tokenizer.words(row)).replace("##", "").replace("Ġ", "").replace("▁", "")
    assert spelt == "thequickfox"


@settings(deadline=None, max_examples=25)
@given(texts=st.lists(st.text(max_size=20), max_size=4))
def test_whatever_is_written_gives_tokens(made, texts):
    for tokenizer in (made["bert"], made["albert"], made["gpt2"]):
        tokens = tokenizer(tf.constant(texts, tf.string))
        assert tokens.nrows() == len(texts)
        assert all(0 <= token < tokenizer.size for row in tokens.to_list() for token in row)


@pytest.mark.parametrize(
    ("family", "unknown"),
    [("bert", 1), ("deberta_v3", 3), ("albert", 1), ("xlm_roberta", 3), ("roberta", None), ("gpt2", None),
     ("gemma3", None)],
)  # fmt: skip
def test_the_unknown_token(made, family, unknown):
    assert made[family].unknown == unknown
    if unknown is not None:
        assert unknown in made[family](tf.constant(["\U0001f642"])).to_list()[0]


def test_what_a_byte_pair_vocabulary_lacks_is_unknown_or_left_out():
    """KerasHub numbers it -1, which stands for padding here."""
    vocabulary = {"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}
    plain = HubTokenizer(keras_hub.tokenizers.GPT2Tokenizer(vocabulary, ["a b"]))
    assert plain(tf.constant(["abxa", "x"])).to_list() == [[2, 0], []]
    special = {name: 10 + index for index, name in enumerate(("<s>", "</s>", "<pad>", "<mask>", "<unk>"))}
    marked = HubTokenizer(
        keras_hub.tokenizers.RobertaTokenizer({"a": 0, "b": 1, "ab": 2, **special}, ["a b"])
    )
    assert marked(tf.constant(["abxa"])).to_list() == [[2, 14, 0]]


def test_xlm_r_numbers_are_kerashubs():
    layer = FAMILIES["xlm_roberta"].tokenizer()
    expected = [list(row) for row in layer.tokenize(ODD)]
    assert HubTokenizer(layer)(tf.constant(ODD)).to_list() == expected


def test_lower_case_where_the_card_says_so():
    layer = FAMILIES["albert"].tokenizer()
    lower = HubTokenizer(layer, lowercase=True)
    one, other = lower(tf.constant(["CAFÉ Fox ﬁ", "cafe fox fi"])).to_list()
    assert one == other
    assert HubTokenizer(layer)(tf.constant(["CAFÉ Fox ﬁ"])).to_list()[0] != one


def test_fingerprints_tell_families_and_settings_apart(made):
    prints = {tokenizer.fingerprint for tokenizer in made.values()}
    assert len(prints) == len(FAMILIES)
    layer = FAMILIES["albert"].tokenizer()
    kinds = [HubTokenizer(layer), HubTokenizer(layer, "start"), HubTokenizer(layer, lowercase=True)]
    assert len({one.fingerprint for one in kinds}) == 3


def test_fingerprints_see_merges():
    layer = byte_pairs("GPT2Tokenizer", ["<|endoftext|>"])
    fewer = keras_hub.tokenizers.GPT2Tokenizer(dict(layer.vocabulary), list(layer.merges)[:-1])
    assert HubTokenizer(layer).fingerprint != HubTokenizer(fewer).fingerprint


def test_fingerprints_are_the_same_in_every_process(made):
    """Python orders sets anew in each."""
    families = ["roberta", "gpt2", "albert", "bert"]
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": ".", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", PRINT, *families], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split()[-4:] == [made[family].fingerprint for family in families]


def test_the_same_in_a_pipeline(tokenizer):
    data = tf.data.Dataset.from_tensors(tf.constant(ODD)).map(lambda texts: tokenizer(texts).to_tensor(-1))
    np.testing.assert_array_equal(next(iter(data)), tokenizer(tf.constant(ODD)).to_tensor(-1))

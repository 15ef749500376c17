"""How tokens are shortened, marked and padded: never one lost or doubled that should be seen."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backbones.toy_tokenizer import Numbers
from tlzoo.backbones.encoder import MOST_CHUNKS, PADDING, Encoder
from tlzoo.errors import UsageError

MARKS = st.sampled_from([((), ()), ((900,), ()), ((), (901,)), ((900,), (901,)), ((900, 902), (901,))])
ROWS = st.lists(st.integers(0, 60), max_size=5)


def _packed(encoder, lengths):
    """Texts of these lengths, whose tokens say at which place they stand, packed."""
    return encoder.pack(tf.ragged.range(tf.constant(lengths, tf.int32))).numpy()


def _text(encoder, row):
    """A row without padding and marks; checks that both stand where they should."""
    start, end = encoder.tokenizer.start, encoder.tokenizer.end
    used = row[row != PADDING].tolist()
    assert row[len(used) :].tolist() == [PADDING] * (len(row) - len(used)), "padding only at the end"
    assert tuple(used[: len(start)]) == start
    assert tuple(used[len(used) - len(end) :]) == end
    return used[len(start) : len(used) - len(end)]


@settings(deadline=None, max_examples=40)
@given(ROWS, MARKS, st.integers(4, 20))
def test_head_keeps_the_beginning(lengths, marks, length):
    encoder = Encoder(Numbers(*marks), length)
    packed = _packed(encoder, lengths)
    assert packed.dtype == np.int32
    assert packed.shape[0] == len(lengths)
    assert 2 <= packed.shape[1] <= length
    for row, count in zip(packed, lengths, strict=True):
        assert _text(encoder, row) == list(range(min(count, encoder.room)))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(ROWS, MARKS, st.integers(4, 20))
def test_head_tail_keeps_a_quarter_and_the_end(lengths, marks, length):
    encoder = Encoder(Numbers(*marks), length, "head_tail")
    packed = _packed(encoder, lengths)
    assert packed.shape[1] <= length
    for row, count in zip(packed, lengths, strict=True):
        text, room = _text(encoder, row), encoder.room
        if count <= room:
            assert text == list(range(count))
        else:
            first = room // 4
            assert text == [*range(first), *range(count - (room - first), count)]


@settings(deadline=None, max_examples=40)
@given(ROWS, MARKS, st.integers(4, 20))
def test_chunks_see_all_in_up_to_eight_windows(lengths, marks, length):
    encoder = Encoder(Numbers(*marks), length, "chunks")
    packed = _packed(encoder, lengths)
    assert packed.shape[1] <= MOST_CHUNKS * length
    width = length if packed.shape[1] > length else packed.shape[1]
    assert packed.shape[1] % width == 0
    for row, count in zip(packed, lengths, strict=True):
        windows = np.split(row, len(row) // width)
        used = [window for window in windows if (window != PADDING).any()]
        assert all((window == PADDING).all() for window in windows[len(used) :]), "empty windows come last"
        texts = [_text(encoder, window) for window in used]
        assert [token for text in texts for token in text] == list(range(min(count, encoder.seen)))
        assert encoder.seen == MOST_CHUNKS * encoder.room
        assert all(len(text) == encoder.room for text in texts[:-1])


@pytest.mark.parametrize("long_text", ["head", "head_tail", "chunks"])
class TestOddBatches:
    def test_none_at_all(self, long_text):
        packed = Encoder(Numbers(), 8, long_text)(tf.constant([], tf.string))
        assert packed.shape == (0, 2)

    def test_one(self, long_text):
        packed = Encoder(Numbers(), 8, long_text)(tf.constant(["1 2"]))
        assert packed.numpy().tolist() == [[101, 1, 2, 102]]

    def test_empty_and_blank_texts_keep_their_marks(self, long_text):
        packed = Encoder(Numbers(), 8, long_text)(tf.constant(["", " \t\n"]))
        assert packed.numpy().tolist() == [[101, 102]] * 2

    def test_without_marks_padding_is_all_there_is(self, long_text):
        packed = Encoder(Numbers((), ()), 8, long_text)(tf.constant(["", ""]))
        assert packed.numpy().tolist() == [[-1, -1]] * 2

    def test_the_same_in_a_graph(self, long_text):
        encoder, texts = Encoder(Numbers(), 6, long_text), tf.constant(["1 2 3 4 5 6 7 8 9", "", "1"])
        spec = [tf.TensorSpec((None,), tf.string)]
        inside = tf.function(lambda texts: encoder(texts), input_signature=spec, autograph=False)
        np.testing.assert_array_equal(inside(texts), encoder(texts))


def test_exactly_as_long_as_there_is_room():
    texts = tf.constant(["1 2 3 4"])
    assert Encoder(Numbers(), 6)(texts).numpy().tolist() == [[101, 1, 2, 3, 4, 102]]
    assert Encoder(Numbers(), 6, "chunks")(texts).numpy().tolist() == [[101, 1, 2, 3, 4, 102]]
    assert Encoder(Numbers(), 6, "head_tail")(texts).numpy().tolist() == [[101, 1, 2, 3, 4, 102]]


def test_one_token_too_long():
    chunks = Encoder(Numbers(), 6, "chunks")(tf.constant(["1 2 3 4 5", "1"])).numpy()
    assert chunks.tolist() == [
        [101, 1, 2, 3, 4, 102, 101, 5, 102, -1, -1, -1],
        [101, 1, 102, -1, -1, -1, -1, -1, -1, -1, -1, -1],
    ]


def test_no_room_is_refused():
    with pytest.raises(UsageError, match="3 tokens or more: 2 mark the ends"):
        Encoder(Numbers(), 2)
    assert Encoder(Numbers((), ()), 1)(tf.constant(["1 2"])).numpy().tolist() == [[1]]

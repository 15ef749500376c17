import numpy as np
import pytest

from tlzoo.backbones.load import load_backbone
from tlzoo.features.tokens import BATCH, Strings, Tokens, encode, open_texts

pytestmark = pytest.mark.usefixtures("tiny_text")
CLS, SEP = 2, 3


def some(lengths, window=40):
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Tokens(np.arange(1, starts[-1] + 1, dtype=np.int32), starts, window)


@pytest.fixture(scope="module")
def backbone(tiny_text):
    return load_backbone(tiny_text)


@pytest.fixture(scope="module")
def chunked(tiny_text):
    return load_backbone(tiny_text, length=12, long_text="chunks")


def test_texts_are_padded_to_the_longest_of_those_read():
    tokens = some([2, 5, 0, 1])
    assert len(tokens) == 4
    np.testing.assert_array_equal(tokens.lengths, [2, 5, 0, 1])
    np.testing.assert_array_equal(tokens.read(np.array([3, 0])), [[8, -1], [1, 2]])
    np.testing.assert_array_equal(tokens.read(np.array([2])), [[-1]])
    assert tokens.read(np.array([], int)).shape == (0, 1)
    assert tokens.read(np.array([1])).dtype == np.int32


@pytest.mark.parametrize(
    ("longest", "multiple", "width"),
    [(1, 16, 16), (16, 16, 16), (17, 16, 32), (33, 16, 40), (40, 16, 40), (40, 1, 40), (39, 64, 40)],
)
def test_padding_to_multiples_stops_at_what_the_network_sees(longest, multiple, width):
    assert some([longest, 1]).read(np.array([0, 1]), multiple).shape == (2, width)


@pytest.mark.parametrize(("longest", "width"), [(12, 12), (13, 24), (24, 24), (25, 36), (11, 12), (3, 12)])
def test_texts_of_several_chunks_are_padded_to_whole_chunks(longest, width):
    assert some([longest, 1], window=12).read(np.array([1, 0]), 16).shape == (2, width)


def test_encoded_texts_are_what_the_encoder_gives_one_by_one(backbone):
    texts = ["Add salt.", "", "The soup was warm, and dinner was perfect.", "⚽", "\u200b"]
    tokens = encode(backbone.encoder, texts)
    for index, text in enumerate(texts):
        alone = backbone.encoder([text]).numpy()
        np.testing.assert_array_equal(tokens.read(np.array([index])), alone)
    assert tokens.read(np.array([1])).tolist() == [[CLS, SEP]]


def test_more_texts_than_a_batch_stay_in_order(backbone):
    words = ["soup", "the goal", "water the roses", ""]
    texts = [words[at % 4] for at in range(BATCH * 2 + 3)]
    told = []
    tokens = encode(backbone.encoder, texts, lambda *said: told.append(said))
    assert len(tokens) == len(texts)
    for at in (0, 1, BATCH - 1, BATCH, 2 * BATCH + 2):
        np.testing.assert_array_equal(tokens.read(np.array([at])), tokens.read(np.array([at % 4])))
    assert [done for done, _, _ in told] == [BATCH, 2 * BATCH, len(texts)]


def test_shortened_texts_are_counted(backbone, chunked):
    texts = ["soup " * 38, "soup " * 39, "soup " * 500, "soup"]
    assert encode(backbone.encoder, texts).shortened == 2
    found = encode(chunked.encoder, texts)
    assert found.shortened == 1  # 8 chunks of 10 words
    np.testing.assert_array_equal(found.lengths, [46, 47, 96, 3])
    assert found.window == 12


def test_chunks_keep_their_ends_and_their_places(chunked):
    tokens = encode(chunked.encoder, ["soup " * 11 + "salt", "salt"])
    wide = tokens.read(np.array([0, 1]))
    assert wide.shape == (2, 24)
    assert wide[0, [0, 11, 12]].tolist() == [CLS, SEP, CLS]
    assert (wide[1, 3:] == -1).all()
    features = np.asarray(chunked.model(wide, training=False))
    alone = np.asarray(chunked.model(tokens.read(np.array([1])), training=False))
    np.testing.assert_allclose(features[1:], alone, atol=1e-5)


def test_no_texts_at_all(backbone):
    tokens = encode(backbone.encoder, [])
    assert len(tokens) == tokens.shortened == 0


def test_networks_of_strings_get_their_bytes_as_they_are():
    strings = open_texts(None, ["é", "", "a\0b\0"])
    assert isinstance(strings, Strings)
    assert len(strings) == 3
    np.testing.assert_array_equal(strings.lengths, [2, 0, 4])
    found = strings.read(np.array([2, 0]), 16)
    assert found.dtype == object
    assert list(found) == [b"a\0b\0", "é".encode()]
    assert strings.read(np.array([], int)).shape == (0,)

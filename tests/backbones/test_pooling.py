"""Pooling layers, against NumPy."""

import keras
import numpy as np
import pytest

from tlzoo.backbones.pooling import Chunks, LastToken, MaskedMean, MeanOfChunks, pool_map, pool_sequence

TOKENS = np.array([[5, 6, 7, -1], [5, -1, -1, -1], [-1, -1, -1, -1], [5, 6, 7, 8]], "int32")
VECTORS = np.random.default_rng(0).normal(size=(4, 4, 3)).astype("float32")


def test_masked_mean_counts_tokens_only():
    pooled = np.asarray(MaskedMean()(VECTORS, TOKENS))
    np.testing.assert_allclose(pooled[0], VECTORS[0, :3].mean(0), rtol=1e-6)
    np.testing.assert_array_equal(pooled[1], VECTORS[1, 0])
    np.testing.assert_array_equal(pooled[2], 0)
    np.testing.assert_allclose(pooled[3], VECTORS[3].mean(0), rtol=1e-6)


def test_last_token_is_the_last_that_is_no_padding():
    pooled = np.asarray(LastToken()(VECTORS, TOKENS))
    np.testing.assert_array_equal(pooled, VECTORS[np.arange(4), [2, 0, 0, 3]])


def test_chunks_are_cut_side_by_side():
    tokens = np.arange(12, dtype="int32").reshape(2, 6)
    np.testing.assert_array_equal(np.asarray(Chunks(3)(tokens)), np.arange(12).reshape(4, 3))
    np.testing.assert_array_equal(np.asarray(Chunks(6)(tokens)), tokens)
    np.testing.assert_array_equal(np.asarray(Chunks(50)(tokens)), tokens)
    assert Chunks(3)(tokens[:0]).shape == (0, 3)


def test_mean_of_chunks_leaves_empty_chunks_out():
    tokens = np.array([[1, 2, 3, -1], [1, 2, -1, -1], [-1, -1, -1, -1]], "int32")
    vectors = VECTORS.reshape(-1, 3)[:6].copy()
    vectors[3] = np.nan  # what a network makes of padding alone is nobody's business
    pooled = np.asarray(MeanOfChunks(2)(vectors, tokens))
    np.testing.assert_allclose(pooled[0], vectors[:2].mean(0), rtol=1e-6)
    np.testing.assert_array_equal(pooled[1], vectors[2])
    np.testing.assert_array_equal(pooled[2], 0)


def test_mean_of_one_chunk_is_the_chunk():
    np.testing.assert_array_equal(
        np.asarray(MeanOfChunks(9)(VECTORS[0], TOKENS))[[0, 1, 3]], VECTORS[0][[0, 1, 3]]
    )
    assert MeanOfChunks(2)(np.zeros((0, 3), "float32"), TOKENS[:0]).shape == (0, 3)


@pytest.mark.parametrize("layer", [Chunks(7), MeanOfChunks(7), MaskedMean(), LastToken()])
def test_layers_come_back_from_their_configuration(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert getattr(again, "length", None) == getattr(layer, "length", None)


@pytest.mark.parametrize(
    ("pooling", "expected"), [("cls", VECTORS[:, 0]), ("last", VECTORS[np.arange(4), [2, 0, 0, 3]])]
)
def test_sequences_are_pooled_as_the_card_says(pooling, expected):
    sequence, tokens = keras.Input((None, 3)), keras.Input((None,), dtype="int32")
    model = keras.Model([sequence, tokens], pool_sequence(sequence, tokens, pooling))
    np.testing.assert_array_equal(np.asarray(model([VECTORS, TOKENS])), expected)


def test_vectors_pass():
    vectors, tokens = keras.Input((3,)), keras.Input((None,), dtype="int32")
    assert pool_sequence(vectors, tokens, "mean") is vectors
    assert pool_map(vectors, "mean") is vectors

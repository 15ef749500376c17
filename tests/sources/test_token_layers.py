"""What stands between tokens and a network's own inputs."""

import keras
import numpy as np
import pytest

from tlzoo.sources.token_layers import Segments, TokenIds, TokenMask

TOKENS = np.array([[7, 0, 3], [5, -1, -1], [-1, -1, -1]], "int32")


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (TokenMask(), [[1, 1, 1], [1, 0, 0], [0, 0, 0]]),
        (TokenIds(), [[7, 0, 3], [5, 0, 0], [0, 0, 0]]),
        (TokenIds(padding=1), [[7, 0, 3], [5, 1, 1], [1, 1, 1]]),
        (Segments(), np.zeros((3, 3))),
    ],
)
def test_what_they_give(layer, expected):
    given = layer(TOKENS)
    np.testing.assert_array_equal(np.asarray(given), expected)
    assert np.asarray(given).dtype == np.int32
    symbolic = layer(keras.KerasTensor((None, None), dtype="int32"))
    assert (symbolic.shape, symbolic.dtype) == ((None, None), "int32")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    np.testing.assert_array_equal(np.asarray(again(TOKENS)), expected)

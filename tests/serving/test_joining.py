"""Requests on top of each other, and answers apart again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.joining import join, part, rows_of, take_apart
from tlzoo.serving.options import BatchingOptions


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.integers(0, 40))
def test_everybody_gets_their_own_rows_back(sizes, allowed):
    requests = [{"x": np.full((size, 2), at, np.float32)} for at, size in enumerate(sizes)]
    joined = join(requests, BatchingOptions(allowed_batch_sizes=(allowed,) if allowed else ()))
    total = rows_of(joined)
    assert total == (allowed if sum(sizes) and allowed >= sum(sizes) else sum(sizes))
    parts = take_apart({"y": joined["x"] + 1}, sizes, total)
    for at, (size, answer) in enumerate(zip(sizes, parts, strict=True)):
        np.testing.assert_array_equal(answer["y"], np.full((size, 2), at + 1, np.float32))


def test_padding_to_an_allowed_size_repeats_the_first_row():
    joined = join([{"x": np.array([7, 8, 9])}], BatchingOptions(allowed_batch_sizes=(2, 4)))
    assert joined["x"].tolist() == [7, 8, 9, 7]


def test_unlike_shapes_are_padded_only_when_told():
    requests = [{"x": np.array([[1, 2]])}, {"x": np.array([[3, 4, 5]])}]
    with pytest.raises(ServingError, match="'x' from different tasks have different shapes and padding is"):
        join(requests, BatchingOptions())
    padded = join(requests, BatchingOptions(pad_variable_length_inputs=True))
    assert padded["x"].tolist() == [[1, 2, 1], [3, 4, 5]]
    words = [{"x": np.array([[b"a"]], object)}, {"x": np.array([[b"b", b"c"]], object)}]
    assert join(words, BatchingOptions(pad_variable_length_inputs=True))["x"].tolist() == [
        [b"a", b"a"],
        [b"b", b"c"],
    ]


def test_unlike_ranks_cannot_be_padded():
    with pytest.raises(ServingError, match="different shapes"):
        join(
            [{"x": np.zeros((1, 2))}, {"x": np.zeros((1, 2, 3))}],
            BatchingOptions(pad_variable_length_inputs=True),
        )


def test_inputs_must_have_rows_and_the_same_number_of_them():
    with pytest.raises(
        ServingError, match=r"Batching Run\(\) input tensors must have at least one dimension"
    ):
        rows_of({"a": np.array(1.0)})
    with pytest.raises(
        ServingError, match=r"Batching Run\(\) input tensors must have equal 0th-dimension size"
    ):
        rows_of({"a": np.zeros(2), "b": np.zeros(3)})
    assert rows_of({"a": np.zeros((0, 3))}) == 0


@pytest.mark.parametrize("answer", [np.zeros(3), np.zeros(5)])
def test_outputs_must_have_a_row_for_each_row(answer):
    with pytest.raises(ServingError, match="0th dimension does not equal the sum") as caught:
        take_apart({"y": answer}, [1, 2], 4)
    assert caught.value.code is Code.FAILED_PRECONDITION
    with pytest.raises(ServingError, match="has 0 dimensions"):
        take_apart({"y": np.array(1.0)}, [1, 2], 3)


def test_a_part_is_rows_of_all_inputs():
    assert {
        alias: one.tolist() for alias, one in part({"a": np.arange(5), "b": np.arange(5)}, 1, 3).items()
    } == {
        "a": [1, 2],
        "b": [1, 2],
    }

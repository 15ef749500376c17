"""`BatchingParameters` as text: read, judged, and written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.errors import UsageError
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.batching_config import (
    PER_MODEL_FILE,
    batching_of,
    batching_text,
    check_batching,
    read_batching,
)
from tlzoo.serving.options import BatchingOptions, ServerOptions


@pytest.fixture
def read(tmp_path):
    """Reads a text as a file."""

    def call(text: str) -> BatchingOptions:
        (tmp_path / "batching.txt").write_text(text)
        return read_batching(tmp_path / "batching.txt")

    return call


def test_everything_has_a_default(read):
    assert read("") == BatchingOptions()


def test_every_field_is_read(read):
    text = """
        max_batch_size { value: 128 }
        batch_timeout_micros { value: 500 }
        max_enqueued_batches { value: 1000000 }
        num_batch_threads { value: 8 }
        thread_pool_name { value: "any" }
        allowed_batch_sizes: 32
        allowed_batch_sizes: [64, 128]
        pad_variable_length_inputs: true
        enable_large_batch_splitting { value: True }
        max_execution_batch_size { value: 64 }
    """
    assert read(text) == BatchingOptions(128, 500, 1_000_000, 8, (32, 64, 128), True, True, 64)


def test_an_empty_queue_holds_one_batch_as_for_tensorflow(read):
    assert read("max_enqueued_batches { value: 0 }").max_enqueued_batches == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "max_batch_size { value: 4 } allowed_batch_sizes: 1 allowed_batch_sizes: 2",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 2; expected 4",
        ),
        ("allowed_batch_sizes: 2", "last entry was 2; expected 1000"),
        (
            "max_batch_size { value: 4 } allowed_batch_sizes: [2, 1, 4]",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        ("max_batch_size { value: 4 } allowed_batch_sizes: [0, 4]", "monotonically increasing"),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("max_batch_size { value: -1 }", "max_batch_size must be positive; was -1"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        ("num_batch_threads { value: -2 }", "num_batch_threads must be positive; was -2"),
        ("max_enqueued_batches { value: -1 }", "max_enqueued_batches must be positive; was -1"),
        (
            "max_enqueued_batches { value: 0 } enable_large_batch_splitting { value: true }",
            "max_enqueued_batches must be positive; was 0",
        ),
        (
            "max_batch_size { value: 4 } max_execution_batch_size { value: 8 }"
            " enable_large_batch_splitting { value: true }",
            "greater than or equal to max_execution_batch_size",
        ),
        ("max_execution_batch_size { value: 0 }", "max_execution_batch_size must be positive; was 0"),
        ("max_batch_size: 4", "line 1"),
        ("\nmax_batch_sise { value: 4 }", 'line 2: Message type "tensorflow.serving.BatchingParameters"'),
        ("max_batch_size { value: 9223372036854775808 }", "line 1"),
    ],
)
def test_what_cannot_be_is_refused_with_three_facts(read, text, what):
    with pytest.raises(UsageError) as caught:
        read(text)
    assert what in caught.value.what
    assert "batching.txt" in caught.value.what
    assert caught.value.allowed
    assert caught.value.do


def test_others_can_check_at_load():
    check_batching(BatchingOptions(max_batch_size=4, allowed_batch_sizes=(2, 4)))
    with pytest.raises(ServingError) as caught:
        check_batching(BatchingOptions(max_batch_size=4, allowed_batch_sizes=(2,)))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == (
        "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 2; expected 4"
    )


@st.composite
def _batching(draw) -> BatchingOptions:
    largest = draw(st.integers(1, 2**40))
    smaller = draw(st.sets(st.integers(1, largest), max_size=4)) - {largest}
    return BatchingOptions(
        max_batch_size=largest,
        batch_timeout_micros=draw(st.integers(0, 2**40)),
        max_enqueued_batches=draw(st.integers(1, 2**40)),
        num_batch_threads=draw(st.integers(0, 64)),
        allowed_batch_sizes=draw(st.sampled_from([(), (*sorted(smaller), largest)])),
        pad_variable_length_inputs=draw(st.booleans()),
        enable_large_batch_splitting=draw(st.booleans()),
        max_execution_batch_size=draw(st.integers(0, largest)),
    )


@given(_batching())
def test_what_is_written_is_read_again(tmp_path_factory, options):
    path = tmp_path_factory.getbasetemp() / "batching.txt"
    path.write_text(batching_text(options))
    assert read_batching(path) == options


# Per model

SERVER = ServerOptions((), batching=BatchingOptions(num_batch_threads=3), per_model_batching=True)


def test_a_version_has_its_own_batching_with_the_servers_threads(tmp_path):
    (tmp_path / PER_MODEL_FILE).write_text("max_batch_size { value: 10 } num_batch_threads { value: 9 }")
    assert batching_of(tmp_path, SERVER) == BatchingOptions(max_batch_size=10, num_batch_threads=3)


def test_a_version_without_a_file_is_not_batched(tmp_path):
    assert batching_of(tmp_path, SERVER) is None


def test_the_file_means_nothing_unless_both_flags_are_given(tmp_path):
    (tmp_path / PER_MODEL_FILE).write_text("max_batch_size { value: 10 }")
    assert batching_of(tmp_path, replace(SERVER, per_model_batching=False)) == SERVER.batching
    assert batching_of(tmp_path, replace(SERVER, batching=None)) is None


@pytest.mark.parametrize("text", ["nonsense {", "max_batch_size { value: 4 } allowed_batch_sizes: 2"])
def test_a_broken_file_fails_the_load(tmp_path, text):
    (tmp_path / PER_MODEL_FILE).write_text(text)
    with pytest.raises(
        ServingError, match=r"Invalid protobuf file|Last entry in allowed_batch_sizes"
    ) as caught:
        batching_of(tmp_path, SERVER)
    assert caught.value.code is Code.INVALID_ARGUMENT

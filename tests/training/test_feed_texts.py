"""Batches of texts: alike in length, and still a pure function of seed and epoch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlzoo.plans import Augment
from tlzoo.training.feed import BUCKETS, Examples, plain_batches, steps_per_epoch, training_batches


def examples_of(lengths, *, dtype="int32"):
    lengths = np.asarray(lengths, np.int64)

    def tokens(chosen):
        width = max(1, int(lengths[chosen].max(initial=1)))
        found = np.full((len(chosen), width), -1, np.int32)
        for row, index in zip(found, chosen, strict=True):
            row[: lengths[index]] = index
        return found

    def strings(chosen):
        return np.array([b"%d\0" % index for index in chosen] + [b""], object)[:-1]

    targets = np.eye(2, dtype=np.float32)[np.arange(len(lengths)) % 2]
    weights = np.arange(len(lengths), dtype=np.float32)
    read, shape = (tokens, (None,)) if dtype == "int32" else (strings, ())
    return Examples(read, shape, dtype, targets, weights, lengths)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=400),
    st.integers(1, 9),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_an_order_is_a_pure_function_and_holds_every_example_once(lengths, batch_size, seed, epoch):
    order = examples_of(lengths).shuffled(batch_size, seed, epoch)
    np.testing.assert_array_equal(order, examples_of(lengths).shuffled(batch_size, seed, epoch))
    assert sorted(order) == list(range(len(lengths)))
    assert sorted(examples_of(lengths).in_order()) == list(range(len(lengths)))


def test_orders_differ_between_epochs_and_seeds():
    examples = examples_of(np.random.default_rng(0).integers(1, 50, 300))
    first = examples.shuffled(8, 0, 0)
    assert (first != examples.shuffled(8, 0, 1)).any()
    assert (first != examples.shuffled(8, 1, 0)).any()


def test_every_batch_but_the_last_is_full_and_alike_in_length():
    lengths = np.random.default_rng(1).integers(1, 200, BUCKETS * 8 * 3 + 5)
    order = examples_of(lengths).shuffled(8, 0, 0)
    batches = [lengths[order[at : at + 8]] for at in range(0, len(order), 8)]
    assert [len(batch) for batch in batches[:-1]] == [8] * (len(batches) - 1)
    assert len(batches[-1]) == 5
    spread = np.mean([np.ptp(batch) for batch in batches])
    by_chance = np.mean([np.ptp(lengths[at : at + 8]) for at in range(0, len(order) - 8, 8)])
    assert spread < by_chance / 5


def test_long_and_short_batches_take_turns():
    lengths = np.random.default_rng(1).integers(1, 200, BUCKETS * 8)
    order = examples_of(lengths).shuffled(8, 0, 0)
    means = [lengths[order[at : at + 8]].mean() for at in range(0, len(order), 8)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.5


def test_images_keep_the_order_they_have_always_had():
    examples = examples_of([3] * 10)
    plain = Examples(examples.read, (None,), "int32", examples.targets, examples.weights)
    expected = np.random.default_rng([7, 2]).permutation(10)
    np.testing.assert_array_equal(plain.shuffled(4, 7, 2), expected)
    np.testing.assert_array_equal(plain.in_order(), np.arange(10))


def feed(examples, first, epochs):
    found = training_batches(examples, 4, 3, Augment(flip="none"), first_epoch=first, epochs=epochs)
    return [tuple(part.numpy() for part in batch) for batch in found]


@pytest.mark.parametrize("dtype", ["int32", "string"])
def test_a_resumed_feed_gives_the_very_batches_of_an_uninterrupted_one(dtype):
    examples = examples_of(np.random.default_rng(0).integers(1, 9, 22), dtype=dtype)
    whole, rest = feed(examples, 0, 3), feed(examples, 1, 3)
    steps = steps_per_epoch(22, 4)
    assert len(whole) == 3 * steps
    for mine, theirs in zip(rest, whole[steps:], strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["int32", "string"])
def test_inputs_go_with_their_own_targets_and_weights(dtype):
    examples = examples_of(np.random.default_rng(0).integers(1, 9, 22), dtype=dtype)
    for batches in (feed(examples, 0, 1), [tuple(map(np.asarray, b)) for b in plain_batches(examples, 4)]):
        numbers = []
        for inputs, targets, weights in batches:
            found = inputs[:, 0] if dtype == "int32" else [int(one.rstrip(b"\0")) for one in inputs]
            np.testing.assert_array_equal(found, weights)
            np.testing.assert_array_equal(targets.argmax(1), np.asarray(found) % 2)
            numbers += list(found)
        assert sorted(numbers) == list(range(22))

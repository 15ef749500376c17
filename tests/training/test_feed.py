import numpy as np
import pytest

from tlzoo.plans import Augment
from tlzoo.training.feed import Examples, plain_batches, steps_per_epoch, training_batches

COUNT, BATCH = 10, 4


@pytest.fixture
def examples():
    pixels = np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    targets = np.eye(2, dtype=np.float32)[np.arange(COUNT) % 2]
    return Examples(
        lambda chosen: pixels[chosen], (8, 8, 3), "uint8", targets, np.arange(COUNT, dtype=np.float32)
    )


def batches(examples, first, epochs, policy=None, seed=0):
    feed = training_batches(
        examples, BATCH, seed, policy or Augment(flip="none"), first_epoch=first, epochs=epochs
    )
    return [tuple(part.numpy() for part in batch) for batch in feed]


def test_every_epoch_sees_every_example_once_with_its_own_target_and_weight(examples):
    seen = batches(examples, 0, 2)
    assert len(seen) == 2 * steps_per_epoch(COUNT, BATCH) == 6
    for epoch in (seen[:3], seen[3:]):
        numbers = np.concatenate([inputs[:, 0, 0, 0] for inputs, _, _ in epoch])
        assert sorted(numbers) == list(range(COUNT))
        np.testing.assert_array_equal(np.concatenate([weights for _, _, weights in epoch]), numbers)
        np.testing.assert_array_equal(np.concatenate([t.argmax(1) for _, t, _ in epoch]), numbers % 2)


def test_order_differs_between_epochs_and_seeds(examples):
    seen = batches(examples, 0, 2)
    assert any((a[0] != b[0]).any() for a, b in zip(seen[:2], seen[3:5], strict=True))
    assert any(
        (a[0] != b[0]).any() for a, b in zip(seen[:2], batches(examples, 0, 1, seed=1)[:2], strict=True)
    )


def test_a_resumed_feed_gives_the_very_batches_of_an_uninterrupted_one(examples):
    policy = Augment(flip="both", quarter_turns=True, crop=0.5, brightness=0.2, contrast=0.2, mixup=0.3)
    whole, rest = batches(examples, 0, 3, policy), batches(examples, 1, 3, policy)
    for mine, theirs in zip(rest, whole[3:], strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_plain_batches_keep_order_and_the_last_short_batch(examples):
    seen = [batch[0].numpy()[:, 0, 0, 0] for batch in plain_batches(examples, BATCH)]
    assert [len(part) for part in seen] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(COUNT))

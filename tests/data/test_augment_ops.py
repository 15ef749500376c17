from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from pictures import gradient

from tlzoo.data.augment import augment, mixup
from tlzoo.plans import Augment

EVERYTHING = Augment(flip="both", quarter_turns=True, crop=0.5, brightness=0.2, contrast=0.3)
NOTHING = Augment(flip="none")


def batch(count: int = 64, side: int = 12) -> tf.Tensor:
    return tf.constant(np.stack([gradient(side, side)] * count).astype(np.float32))


def seeds(count: int = 64, epoch: int = 0) -> tf.Tensor:
    return tf.stack([tf.range(count), tf.fill([count], epoch)], axis=1)


@pytest.mark.parametrize("seed", [tf.constant([3, 4]), seeds()])
@pytest.mark.parametrize("policy", [NOTHING, Augment(), EVERYTHING, Augment(flip="both", quarter_turns=True)])
def test_same_seed_same_bits(seed: tf.Tensor, policy: Augment) -> None:
    eager = augment(batch(), seed, policy)
    graph = tf.function(lambda images, each: augment(images, each, policy))
    np.testing.assert_array_equal(augment(batch(), seed, policy), eager)
    np.testing.assert_array_equal(graph(batch(), seed), graph(batch(), seed))
    # Compiled graphs fold constants, which rounds blended pixels otherwise; moved pixels stay what they are.
    np.testing.assert_allclose(graph(batch(), seed), eager, atol=0 if policy.crop == 1 else 1e-3)
    assert eager.shape == (64, 12, 12, 3)
    assert eager.dtype == tf.float32
    assert float(tf.reduce_min(eager)) >= 0
    assert float(tf.reduce_max(eager)) <= 255
    if policy.active:
        assert not np.array_equal(augment(batch(), seed + 1, policy), eager)
        assert len({image.tobytes() for image in eager.numpy()}) > 1


def test_nothing_changes_nothing() -> None:
    np.testing.assert_array_equal(augment(batch(), tf.constant([0, 0]), NOTHING), batch())


def test_with_a_seed_each_an_image_ignores_its_neighbours() -> None:
    whole = augment(batch(), seeds(), EVERYTHING).numpy()
    part = augment(batch(8), seeds()[16:24], EVERYTHING).numpy()
    np.testing.assert_allclose(part, whole[16:24], atol=1e-3)


def orbit(image: np.ndarray) -> dict[bytes, int]:
    """The eight ways a square can lie, numbered: turns, then turns of the mirror image."""
    ways = [np.rot90(way, turns) for way in (image, image[:, ::-1]) for turns in range(4)]
    return {np.ascontiguousarray(way).tobytes(): number for number, way in enumerate(ways)}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Augment(flip="horizontal"), {0, 4}),
        (Augment(flip="both"), {0, 2, 4, 6}),
        (Augment(flip="none", quarter_turns=True), {0, 1, 2, 3}),
        (Augment(flip="horizontal", quarter_turns=True), set(range(8))),
        (Augment(flip="both", quarter_turns=True), set(range(8))),
    ],
)
@pytest.mark.parametrize("own_seeds", [False, True])
def test_moves_are_exact_and_evenly_spread(policy: Augment, expected: set[int], own_seeds: bool) -> None:
    count = 1600
    seed = seeds(count) if own_seeds else tf.constant([7, 7])
    ways = orbit(gradient(12, 12).astype(np.float32))
    found = [ways[image.tobytes()] for image in augment(batch(count), seed, policy).numpy()]
    counts = np.bincount(found, minlength=8)
    assert set(np.flatnonzero(counts)) == expected
    share = count / len(expected)
    assert np.abs(counts[sorted(expected)] - share).max() < 5 * np.sqrt(share)


def test_quarter_turns_need_squares() -> None:
    with pytest.raises(ValueError, match="square images, not 4 x 6"):
        augment(tf.zeros([1, 4, 6, 3]), tf.constant([0, 0]), Augment(quarter_turns=True))


def test_crops_show_a_part_in_place() -> None:
    """A crop of a linear ramp is a linear ramp, of a smaller range, inside the first."""
    ramp = np.tile(np.arange(32, dtype=np.float32) * 8, (32, 1))
    images = tf.constant(np.stack([np.stack([ramp, ramp.T, ramp], -1)] * 200))
    cropped = augment(images, tf.constant([1, 2]), Augment(flip="none", crop=0.3)).numpy()
    across, down = cropped[:, 0, :, 0], cropped[:, :, 0, 1]
    assert across.min() >= 0
    assert across.max() <= 248.001
    for lines in (across, down):
        steps = np.diff(lines, axis=1)
        assert np.ptp(steps, axis=1).max() < 0.01, "black borders"
    area = (np.diff(across, axis=1).mean(1) / 8) * (np.diff(down, axis=1).mean(1) / 8)
    assert 0.29 < area.min() < 0.4
    assert 0.9 < area.max() <= 1.001
    assert abs(area.mean() - 0.65) < 0.05


def test_flipped_crops_are_mirrored() -> None:
    ramp = np.tile(np.arange(32, dtype=np.float32) * 8, (32, 1))
    images = tf.constant(np.stack([np.stack([ramp] * 3, -1)] * 300))
    cropped = augment(images, tf.constant([1, 2]), Augment(flip="horizontal", crop=0.5)).numpy()
    rising = (np.diff(cropped[:, 0, :, 0], axis=1) > 0).mean(1)
    assert set(rising) == {0.0, 1.0}
    assert 0.4 < rising.mean() < 0.6


def test_brightness_and_contrast_stay_in_bounds() -> None:
    grey = tf.fill([500, 2, 2, 3], 100.0)
    shift = augment(grey, tf.constant([5, 6]), Augment(flip="none", brightness=0.1)).numpy()[:, 0, 0, 0] - 100
    assert -25.51 < shift.min() < -22
    assert 22 < shift.max() < 25.51
    factor = (
        augment(grey, tf.constant([5, 6]), Augment(flip="none", contrast=0.2)).numpy()[:, 0, 0, 0] - 127.5
    ) / -27.5
    assert 0.799 < factor.min() < 0.83
    assert 1.17 < factor.max() < 1.201


@pytest.mark.parametrize("alpha", [0.001, 0.2, 1.0])
def test_mixup_blends_images_as_labels(alpha: float) -> None:
    labels = tf.eye(16)
    images = tf.reshape(tf.range(16.0), [16, 1, 1, 1]) * tf.ones([16, 2, 2, 3])
    mixed, blended = mixup(images, labels, tf.constant([1, 2]), alpha)
    np.testing.assert_allclose(tf.reduce_sum(blended, 1), 1, atol=1e-6)
    np.testing.assert_allclose(mixed[:, 0, 0, 0], tf.linalg.matvec(blended, tf.range(16.0)), atol=1e-4)
    assert float(tf.reduce_min(tf.linalg.diag_part(blended))) >= 0.5 - 1e-6
    again, _ = mixup(images, labels, tf.constant([1, 2]), alpha)
    np.testing.assert_array_equal(mixed, again)


def test_mixup_of_nothing() -> None:
    images = batch(4)
    assert mixup(images, tf.eye(4), tf.constant([0, 0]), 0.0)[0] is images

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from tlzoo.metrics import ood


def known(n=600, width=20, seed=0, classes=3):
    """Returns features of classes around means that differ, with correlated noise, and their labels."""
    random = np.random.default_rng(seed)
    fixed = np.random.default_rng(99)
    means, mixing = fixed.normal(size=(classes, width)) * 3, fixed.normal(size=(width, width)) / width**0.5
    labels = random.integers(0, classes, n)
    return means[labels] + random.normal(size=(n, width)) @ mixing + 5, labels


def test_energy_by_hand_and_without_overflow():
    assert ood.energy(np.log([[1.0, 3.0]])).tolist() == pytest.approx([-np.log(4)])
    assert ood.energy(np.array([[1e4, 0.0]])).tolist() == [-1e4]
    assert ood.energy(np.array([[2.0, 0.0]]), 2.0).tolist() == pytest.approx([-2 * np.log(np.e + 1)])


def test_the_whole_covariance_is_that_of_ledoit_and_wolf():
    rows, labels = known()
    detector = ood.fit_mahalanobis(rows, labels, axes=20)
    means = np.stack([rows[labels == each].mean(axis=0) for each in range(3)])
    fitted = LedoitWolf(assume_centered=True).fit(rows - means[labels])
    asked = known(50, seed=1)[0] + np.linspace(0, 3, 50)[:, None]
    wanted = np.stack([fitted.mahalanobis(asked - mean) for mean in means], axis=1).min(axis=1) / 20
    np.testing.assert_allclose(detector(asked), wanted, rtol=1e-3)


@pytest.mark.parametrize("axes", [1, 5, 19, 500])
def test_fewer_axes_keep_the_scale(axes):
    rows, labels = known()
    detector = ood.fit_mahalanobis(rows, labels, axes=axes)
    assert detector.axes.shape == (20, min(axes, 20))
    assert np.median(detector(known(seed=1)[0])) == pytest.approx(1, abs=0.35)


def test_splitting_loses_nothing():
    rows, labels = known()
    detector = ood.fit_mahalanobis(rows, labels, axes=6)
    centred = rows[:10] - detector.centre
    along, across = detector.split(centred)
    directions = detector.axes * detector.lengths
    np.testing.assert_allclose(directions.T @ directions, np.eye(6), atol=1e-5)
    np.testing.assert_allclose(
        (along * detector.lengths) @ directions.T + across * detector.rest, centred, atol=1e-4
    )


@pytest.mark.parametrize("fit", ["mahalanobis", "nearest"])
def test_what_is_foreign_scores_higher(fit):
    rows, labels = known()
    detector = ood.fit_mahalanobis(rows, labels, 8) if fit == "mahalanobis" else ood.Nearest.fitted(rows)
    near, far = detector(known(seed=1)[0]), detector(np.random.default_rng(5).normal(size=(300, 20)) * 3)
    assert roc_auc_score(np.repeat([0, 1], [600, 300]), np.append(near, far)) > 0.97


def test_nearest_by_brute_force():
    rows, asked = known()[0], known(7, seed=2)[0]
    detector = ood.Nearest.fitted(rows, k=4)
    one, two = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (rows, asked))
    wanted = np.sort(np.linalg.norm(two[:, None] - one[None], axis=2), axis=1)[:, 3]
    np.testing.assert_allclose(detector(asked), wanted, atol=1e-3)


def test_blocks_do_not_show():
    rows, labels = known(2500)
    for detector in (ood.fit_mahalanobis(rows, labels), ood.Nearest.fitted(rows[:100])):
        np.testing.assert_allclose(detector(rows)[1020:1030], detector(rows[1020:1030]), rtol=1e-6)
        assert detector(rows[:0]).shape == (0,)


def test_features_that_never_vary_are_no_division_by_zero():
    rows, labels = known()
    rows = np.hstack([rows, np.zeros((600, 4))])
    found = ood.fit_mahalanobis(rows, labels)(rows)
    assert np.isfinite(found).all()


def test_one_example_a_class_still_fits():
    detector = ood.fit_mahalanobis(np.eye(3), np.arange(3))
    assert np.isfinite(detector(np.eye(3))).all()


def test_regression_has_one_mean():
    rows = known()[0]
    assert ood.fit_mahalanobis(rows).means.shape == (1, 20)


def test_labels_that_skip_a_class():
    rows, labels = known()
    assert ood.fit_mahalanobis(rows, labels * 7).means.shape == (3, 20)


@pytest.mark.parametrize("rows", [np.zeros((1, 3)), np.ones((9, 3))])
def test_refuses_what_does_not_vary(rows):
    with pytest.raises(ValueError, match="vary"):
        ood.fit_mahalanobis(rows)


def test_arrays_both_ways(tmp_path):
    detector = ood.fit_mahalanobis(*known())
    np.savez(tmp_path / "ood.npz", **detector.arrays())
    with np.load(tmp_path / "ood.npz") as kept:
        again = ood.Mahalanobis.from_arrays(dict(kept))
    rows = known(seed=3)[0]
    assert np.array_equal(again(rows), detector(rows))


@given(st.integers(1, 300), st.integers(0, 100))
def test_the_threshold_keeps_its_share(n, seed):
    scores = np.random.default_rng(seed).normal(size=n)
    assert np.mean(scores <= ood.threshold(scores)) >= 0.95


def test_a_sample_is_the_same_every_time():
    assert np.array_equal(ood.sample(10_000), ood.sample(10_000))
    assert len(ood.sample(10_000)) == ood.SAMPLE
    assert ood.sample(5).tolist() == [0, 1, 2, 3, 4]

import numpy as np

from tlzoo.data.strata import merged, strata


def test_classes_are_strata():
    labels = np.array([0, 2, 1])
    assert strata(labels) is labels


def test_numbers_are_cut_at_their_quantiles():
    values = np.random.default_rng(0).permutation(np.exp(np.arange(100.0) / 10))
    found = strata(values)
    assert np.bincount(found).tolist() == [10] * 10
    assert (np.diff(found[np.argsort(values)]) >= 0).all()


def test_numbers_that_repeat_and_few_numbers():
    assert set(strata(np.array([0.0] * 95 + [1.0] * 5)).tolist()) <= {0, 1}
    assert strata(np.array([3.0, 1.0, 2.0])).tolist() == [0, 0, 0]


def test_common_sets_are_strata_and_rare_ones_count_as_their_rarest_label():
    sets = np.array([[1, 0, 0]] * 8 + [[1, 1, 0]] * 6 + [[1, 0, 1]] * 2 + [[0, 1, 1]] + [[0, 0, 0]] * 2)
    found = strata(sets.astype(np.uint8))
    assert len(set(found[:8])) == len(set(found[8:14])) == len(set(found[14:17])) == 1
    assert len(set(found.tolist())) == 4


def test_small_strata_are_thrown_together():
    assert merged(np.array([0] * 6 + [1] * 5 + [2, 3, 4, 5, 6]), 5).tolist() == [0] * 6 + [1] * 5 + [7] * 5
    assert merged(np.array([0] * 6 + [2]), 5).tolist() == [0] * 7
    assert merged(np.array([0] * 6), 5).tolist() == [0] * 6

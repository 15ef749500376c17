import numpy as np
import pytest

from tlzoo.errors import DataError
from tlzoo.training.pairs import Pairs

LABELS = np.array([0] * 10 + [1] * 3 + [2])


def test_half_are_of_one_class_and_half_of_two():
    one, other, targets = Pairs(LABELS).draw(40, 1, 2, 3)
    same = LABELS[one] == LABELS[other]
    assert targets[:, 0].tolist() == same.astype(float).tolist()
    assert same.sum() == 20
    assert (one[same] != other[same]).all()


def test_pairs_depend_on_the_seed_alone():
    pairs = Pairs(LABELS)
    first, again, next_step = (pairs.draw(16, 5, 0, step) for step in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], next_step[0])


def test_classes_come_equally_often_whatever_their_sizes():
    one, other, targets = Pairs(LABELS).draw(6000, 0)
    apart = np.concatenate([LABELS[one[targets[:, 0] == 0]], LABELS[other[targets[:, 0] == 0]]])
    shares = np.bincount(apart) / len(apart)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.03)
    together = np.bincount(LABELS[one[targets[:, 0] == 1]], minlength=3)
    assert together[2] == 0
    assert together[0] / together.sum() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("labels", [[0, 1], [0, 0, 0], []])
def test_what_holds_no_pairs_is_refused(labels):
    labels = np.array(labels, int)
    assert not Pairs.possible(labels)
    with pytest.raises(DataError, match="No pairs can be drawn"):
        Pairs(labels)


def test_possible_is_what_the_constructor_takes():
    assert Pairs.possible(np.array([0, 0, 1]))
    Pairs(np.array([0, 0, 1]))

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.training.callbacks.keep_several import KeepSeveral
from tlzoo.training.soup import average, greedy_soup


def point(*values):
    return {"w": np.array(values, np.float32)}


def to_zero(weights):
    return float(np.square(weights["w"]).sum())


def candidates(*points):
    ranked = sorted(((to_zero(point(*each)), epoch, point(*each)) for epoch, each in enumerate(points)),
                    key=lambda each: each[:2])  # fmt: skip
    return ranked


def test_epochs_that_are_better_together_are_averaged():
    weights, epochs, loss = greedy_soup(candidates((1.0, 0.0), (-1.1, 0.0)), to_zero)
    assert epochs == [0, 1]
    np.testing.assert_allclose(weights["w"], [-0.05, 0.0], atol=1e-6)
    assert loss == pytest.approx(0.0025, abs=1e-6)


def test_an_epoch_that_loses_is_left_out():
    weights, epochs, _ = greedy_soup(candidates((1.0,), (9.0,), (-2.5,)), to_zero)
    assert epochs == [0, 2]
    np.testing.assert_allclose(weights["w"], [-0.75])


def test_the_best_alone_if_nothing_gains():
    weights, epochs, loss = greedy_soup(candidates((1.0,), (2.0,)), to_zero)
    assert (epochs, loss) == ([0], 1.0)
    np.testing.assert_array_equal(weights["w"], [1.0])


@given(st.lists(st.tuples(*[st.floats(-9, 9, width=32)] * 2), min_size=1, max_size=6))
def test_never_worse_than_the_best(points):
    ranked = candidates(*points)
    weights, epochs, loss = greedy_soup(ranked, to_zero)
    assert loss <= ranked[0][0]
    assert to_zero(weights) == pytest.approx(loss, rel=1e-4, abs=1e-6)
    by_epoch = {epoch: each["w"] for _, epoch, each in ranked}
    np.testing.assert_allclose(weights["w"], np.mean([by_epoch[at] for at in epochs], axis=0), atol=1e-6)


def test_types_stay_and_counts_are_not_averaged():
    mixed = average(
        [
            {"half": np.float16([1]), "count": np.int64([3])},
            {"half": np.float16([2]), "count": np.int64([5])},
        ]
    )
    assert mixed["half"].dtype == np.float16
    assert (mixed["half"][0], mixed["count"][0]) == (1.5, 3)


def test_the_best_epochs_are_kept_in_order():
    several = KeepSeveral(2)
    several.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    for epoch, loss in enumerate([3.0, float("nan"), 1.0, 2.0, 1.0]):
        several.on_epoch_end(epoch, {"val_loss": loss})
    assert several.state() == [(1.0, 2), (1.0, 4)]


def test_none_are_kept_unless_asked():
    several = KeepSeveral(0)
    several.on_epoch_end(0, {"val_loss": 1.0})
    assert several.kept == []

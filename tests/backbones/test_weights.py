import keras
import numpy as np
import pytest

from tlzoo.backbones.weights import read_arrays, restore, snapshot, weights_digest, write_arrays
from tlzoo.errors import WeightsError


def model(width=4):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(width), keras.layers.Dense(1)])


def test_a_snapshot_on_disk_restores_another_model_of_the_same_form(tmp_path):
    first, second = model(), model()
    write_arrays(tmp_path / "w.npz", snapshot(first.weights))
    restore(second.weights, read_arrays(tmp_path / "w.npz"), origin="w.npz")
    assert weights_digest(first.weights) == weights_digest(second.weights)


def test_a_snapshot_is_a_copy():
    first = model()
    kept = snapshot(first.weights)
    before = {key: value.copy() for key, value in kept.items()}
    first.weights[0].assign(np.zeros((3, 4)))
    assert all(np.array_equal(kept[key], before[key]) for key in kept)


def test_digest_sees_one_bit():
    first = model()
    before = weights_digest(first.weights)
    value = np.array(first.weights[0])
    value[0, 0] = np.nextafter(value[0, 0], np.float32(np.inf))
    first.weights[0].assign(value)
    assert weights_digest(first.weights) != before


def test_other_shapes_are_refused_with_counts_and_change_nothing():
    first, other = model(4), model(5)
    before = weights_digest(other.weights)
    with pytest.raises(WeightsError, match=r"here: 1 of 4 weights fit, 3 left over"):
        restore(other.weights, snapshot(first.weights), origin="here")
    assert weights_digest(other.weights) == before


def test_too_many_values_are_refused():
    first = model()
    values = snapshot(first.weights) | {"00009|extra/kernel": np.zeros(1)}
    with pytest.raises(WeightsError, match="1 left over"):
        restore(first.weights, values, origin="here")


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "w.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(WeightsError, match=r"w\.npz cannot be read"):
        read_arrays(tmp_path / "w.npz")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_arrays(tmp_path / "none.npz")


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.array([object()], dtype=object))
    with pytest.raises(WeightsError, match="cannot be read"):
        read_arrays(tmp_path / "w.npz")

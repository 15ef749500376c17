import keras
import numpy as np
import pytest

from tlzoo.errors import WeightsError
from tlzoo.training.callbacks.keep_best import KeepBest
from tlzoo.training.callbacks.keep_several import KeepSeveral
from tlzoo.training.checkpoints import Checkpoint, WriteCheckpoint, resume

X, Y = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3), np.ones((8, 1), np.float32)


def model():
    keras.utils.set_random_seed(4)
    layers = [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.1), loss="mse", jit_compile=False)
    return model


def fit(network, path, keep_best, first, epochs, several=None):
    several = several or KeepSeveral(2)
    callbacks = [keep_best, several, WriteCheckpoint(path, keep_best, several, lambda: 1.5)]
    network.fit(
        X,
        Y,
        validation_data=(X, Y),
        initial_epoch=first,
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
        shuffle=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("last", [False, True])
def test_going_on_from_a_file_equals_never_having_stopped(tmp_path, last):
    whole, path = model(), tmp_path / "tune.npz"
    all_kept, kept = KeepSeveral(2), KeepSeveral(2)
    fit(whole, tmp_path / "other.npz", KeepBest(last=last), 0, 4, all_kept)
    fit(model(), path, KeepBest(last=last), 0, 2)
    second, keep_best = model(), KeepBest(last=last)
    second.weights[0].assign(np.zeros((3, 4)))
    checkpoint = Checkpoint.read(path)
    assert (checkpoint.epoch, checkpoint.seconds) == (2, 1.5)
    resume(checkpoint, second, keep_best, kept, path)
    fit(second, path, keep_best, 2, 4, kept)
    for mine, theirs in zip(second.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(np.array(mine), np.array(theirs))
    assert kept.state() == all_kept.state()
    for (_, _, mine), (_, _, theirs) in zip(kept.kept, all_kept.kept, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(mine.values(), theirs.values(), strict=True))


def test_another_model_is_refused(tmp_path):
    fit(model(), tmp_path / "a.npz", KeepBest(), 0, 1)
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    other.compile("adam", loss="mse")
    with pytest.raises(WeightsError, match="weights fit"):
        resume(Checkpoint.read(tmp_path / "a.npz"), other, KeepBest(), KeepSeveral(2), tmp_path / "a.npz")


def test_a_file_cut_short_is_refused(tmp_path):
    fit(model(), tmp_path / "a.npz", KeepBest(), 0, 1)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-100])
    with pytest.raises(WeightsError, match="cannot be read"):
        Checkpoint.read(tmp_path / "a.npz")

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tlzoo.training import deadline as moments
from tlzoo.training.callbacks import deadline as stopping
from tlzoo.training.callbacks.deadline import StopInTime
from tlzoo.training.deadline import Deadline

EPOCHS, STEPS = 10, 4


class Clock(keras.callbacks.Callback):
    """A clock that goes on by a second a step, and by more in the first epoch."""

    def __init__(self, slow):
        super().__init__()
        self.now, self.slow, self.epoch = 0.0, slow, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.now += self.slow if self.epoch == 0 else 1.0


@pytest.fixture
def epochs(monkeypatch):
    """Trains with a deadline and returns how many epochs, the last one counted however short, and how many steps."""

    def train(deadline, slow=1.0):
        clock = Clock(slow)
        for module in (moments, stopping):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", loss="mse")
        told = model.fit(
            np.zeros((STEPS, 1)), np.zeros((STEPS, 1)), batch_size=1, epochs=EPOCHS, verbose=0,
            callbacks=[clock, StopInTime(deadline)],
        )  # fmt: skip
        return len(told.epoch), clock.now

    return train


@pytest.mark.parametrize("whole", [False, True])
def test_who_ends_in_time_is_left_alone(epochs, whole):
    deadline = Deadline(EPOCHS * STEPS + 0.5, whole)
    assert epochs(deadline) == (EPOCHS, EPOCHS * STEPS)
    assert not deadline.stopped


def test_it_ends_after_the_step_in_which_the_time_is_up(epochs):
    deadline = Deadline(2 * STEPS + 1.5)
    assert epochs(deadline) == (3, 2 * STEPS + 2)
    assert deadline.stopped


def test_where_only_the_whole_counts_it_ends_once_the_end_is_seen_to_be_late(epochs):
    deadline = Deadline(EPOCHS * STEPS / 2, whole=True)
    assert epochs(deadline) == (3, 3 * STEPS)
    assert deadline.stopped


def test_a_slow_first_epoch_says_nothing_of_others(epochs):
    deadline = Deadline(EPOCHS * STEPS + 60.0, whole=True)
    assert epochs(deadline, slow=15.0)[0] == EPOCHS
    assert not deadline.stopped


def test_the_clock_holds_those_who_wait_for_the_whole_too(epochs):
    """One step in the first epoch takes longer than there is time."""
    deadline = Deadline(10.0, whole=True)
    assert epochs(deadline, slow=15.0) == (1, 15.0)
    assert deadline.stopped

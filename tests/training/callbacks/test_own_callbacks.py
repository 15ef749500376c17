import json

import keras
import numpy as np
import pytest

from tlzoo.training.callbacks.journal import Journal
from tlzoo.training.callbacks.keep_best import KeepBest
from tlzoo.training.callbacks.progress import TellProgress


def model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", loss="mse")
    return model


def told(callback, values):
    """Plays epochs with these validation losses, the weight being the number of the epoch."""
    callback.set_model(model())
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.model.weights[0].assign([[float(epoch)]])
        callback.on_epoch_end(epoch, {"val_loss": value})
        if callback.model.stop_training:
            break
    callback.on_train_end()
    return float(np.array(callback.model.weights[0])[0, 0])


class TestKeepBest:
    def test_the_best_epochs_weights_come_back(self):
        assert told(KeepBest(), [3.0, 1.0, 2.0]) == 1.0

    def test_patience_counts_epochs_without_gain(self):
        callback = KeepBest(patience=2)
        assert told(callback, [1.0, 2.0, 2.0, 0.5]) == 0.0
        assert callback.waited == 2

    def test_without_patience_every_epoch_is_seen(self):
        assert told(KeepBest(), [1.0, 2.0, 2.0, 0.5]) == 3.0

    def test_a_loss_that_is_no_number_never_wins(self):
        assert told(KeepBest(), [float("nan"), 2.0, float("nan")]) == 1.0

    def test_the_last_epoch_is_kept_whatever_its_loss(self):
        callback = KeepBest(last=True)
        assert told(callback, [1.0, 3.0, 2.0]) == 2.0
        assert callback.epoch == 2

    def test_a_last_epoch_that_is_no_number_is_not_kept(self):
        assert told(KeepBest(last=True), [1.0, 3.0, float("nan")]) == 1.0

    def test_a_run_resumed_after_its_end_keeps_the_last_epoch_too(self):
        first, second = KeepBest(last=True), KeepBest(last=True)
        told(first, [1.0, 2.0])
        second.resume(json.loads(json.dumps(first.state())), first.weights)
        assert told(second, []) == 1.0

    def test_state_travels(self):
        first = KeepBest(patience=3)
        told(first, [1.0, 2.0])
        second = KeepBest(patience=3)
        second.resume(json.loads(json.dumps(first.state())), first.weights)
        assert (second.value, second.epoch, second.waited) == (1.0, 0, 1)
        assert told(second, [1.5]) == 0.0


def test_the_journal_appends_a_line_an_epoch(tmp_path):
    path = tmp_path / "log.jsonl"
    for first, phase in ((0, "head"), (2, "tune")):
        journal = Journal(path, phase, first, lambda: {"head": 0.5}, before=10.0)
        journal.on_train_begin()
        journal.on_epoch_end(0, {"loss": np.float32(0.25)})
        journal.on_epoch_end(1, {"loss": 0.125})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["phase"], line["global_epoch"]) for line in lines] == [
        ("head", 0), ("head", 1), ("tune", 2), ("tune", 3)
    ]  # fmt: skip
    assert lines[0]["loss"] == pytest.approx(0.25)
    assert lines[0]["seconds"] >= 10
    assert lines[0]["rates"] == {"head": 0.5}


def test_progress_counts_steps_over_epochs_and_shows_the_last_figures():
    said = []
    callback = TellProgress(lambda *words: said.append(words), "tune", epochs=2, steps=2)
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for batch in range(2):
            callback.on_train_batch_end(batch)
        callback.on_epoch_end(epoch, {"val_loss": 0.5, "val_accuracy": 0.75, "loss": 1})
    assert [done for done, _, _ in said] == [1, 2, 2, 3, 4, 4]
    assert {total for _, total, _ in said} == {4}
    assert said[0][2] == "tune, epoch 1/2"
    assert said[-1][2] == "tune, epoch 2/2: val loss 0.500, val accuracy 0.750"

from pathlib import Path

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tlzoo.training.callbacks.tensorboard import RunBoard, forget_from


def read(folder: Path, tag: str) -> list[tuple[int, float]]:
    """Reads all event files of a folder, without TensorBoard's own purging of repeated steps."""
    from tensorboard.util import tensor_util

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}, purge_orphaned_data=False)
    events.Reload()
    if tag not in events.Tags()["tensors"]:
        return []
    return [(e.step, round(float(tensor_util.make_ndarray(e.tensor_proto)), 4)) for e in events.Tensors(tag)]


def fit(
    logdir: Path, phase: str, first: int, epochs: range, rates=lambda: {"head": 0.5}, offset: float = 0.0
):
    board = RunBoard(logdir, phase, first, rates)
    board.on_train_begin()
    for epoch in epochs:
        board.on_epoch_begin(epoch)
        board.on_epoch_end(epoch, {"loss": epoch + offset, "val_loss": 10 + epoch + offset})
    return board


def test_phases_make_one_line(tmp_path):
    fit(tmp_path, "head", 0, range(2)).on_train_end()
    fit(tmp_path, "all", 2, range(2), lambda: {"top": 0.1, "head": 0.2}).on_train_end()
    assert read(tmp_path / "train", "epoch_loss") == [(0, 0), (1, 1), (2, 0), (3, 1)]
    assert read(tmp_path / "validation", "epoch_loss") == [(0, 10), (1, 11), (2, 10), (3, 11)]
    assert read(tmp_path / "train", "rates/head") == [(0, 0.5), (1, 0.5), (2, 0.2), (3, 0.2)]
    assert read(tmp_path / "train", "rates/top") == [(2, 0.1), (3, 0.1)]


def test_flushes_each_epoch(tmp_path):
    board = fit(tmp_path, "head", 0, range(1))
    assert read(tmp_path / "validation", "epoch_loss") == [(0, 10)]
    board.on_train_end()


def test_resuming_replaces_what_was_written_after_the_checkpoint(tmp_path):
    fit(tmp_path, "head", 0, range(2)).on_train_end()
    fit(tmp_path, "all", 2, range(4))  # killed: never closed
    fit(tmp_path, "all", 2, range(2, 5), offset=0.5).on_train_end()
    expected = [(0, 0), (1, 1), (2, 0), (3, 1), (4, 2.5), (5, 3.5), (6, 4.5)]
    assert sorted(read(tmp_path / "train", "epoch_loss")) == expected
    assert [step for step, _ in sorted(read(tmp_path / "validation", "epoch_loss"))] == list(range(7))


def test_starting_over_forgets_all(tmp_path):
    fit(tmp_path, "head", 0, range(3)).on_train_end()
    fit(tmp_path, "head", 0, range(1), offset=7).on_train_end()
    assert read(tmp_path / "train", "epoch_loss") == [(0, 7)]


def test_a_record_cut_short_is_dropped(tmp_path):
    fit(tmp_path, "head", 0, range(3)).on_train_end()
    path = next((tmp_path / "train").iterdir())
    path.write_bytes(path.read_bytes()[:-5])
    forget_from(tmp_path / "train", 2)
    assert read(tmp_path / "train", "epoch_loss") == [(0, 0), (1, 1)]
    assert [found.name for found in (tmp_path / "train").iterdir()] == [path.name]


def test_forgetting_where_nothing_is(tmp_path):
    forget_from(tmp_path / "nowhere", 0)
    assert list(tmp_path.iterdir()) == []


def test_without_validation(tmp_path):
    board = RunBoard(tmp_path, "head", 0, dict)
    board.on_epoch_end(0, {"loss": 1.0, "learning_rate": 0.1})
    board.on_train_end()
    assert read(tmp_path / "train", "epoch_loss") == [(0, 1.0)]
    assert read(tmp_path / "train", "epoch_learning_rate") == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_in_a_real_fit(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3)), np.ones((8, 2))
    board = RunBoard(tmp_path, "all", 5, lambda: {"head": float(model.optimizer.learning_rate.numpy())})
    history = model.fit(x, y, validation_data=(x, y), initial_epoch=1, epochs=3, callbacks=[board], verbose=0)
    found = read(tmp_path / "train", "epoch_loss")
    assert [step for step, _ in found] == [6, 7]
    assert [value for _, value in found] == pytest.approx(history.history["loss"], abs=1e-3)
    assert read(tmp_path / "train", "rates/head") == [(6, 0.01), (7, 0.01)]

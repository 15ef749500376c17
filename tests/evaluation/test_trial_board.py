import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util.tensor_util import make_ndarray

from tlzoo.evaluation.trial_board import write_trials

ROWS = [
    {"trial": 1, "val_loss": 0.25, "val_accuracy": 0.9, "seconds": 3.0, "options": {"rate": 1e-3, "rank": 4}},
    {"trial": 0, "val_loss": None, "val_accuracy": 0.3, "seconds": 2.0, "options": {"rate": 1.0, "rank": 8}},
]


def session(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    scalars = {
        tag: float(make_ndarray(events.Tensors(tag)[0].tensor_proto))
        for tag in events.Tags()["tensors"]
        if tag.startswith("trial/")
    }
    plugin = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(plugin).session_start_info
    ended = events.summary_metadata["_hparams_/session_end_info"].plugin_data.content
    end = plugin_data_pb2.HParamsPluginData.FromString(ended).session_end_info
    return scalars, {name: value.number_value for name, value in start.hparams.items()}, end.status


def test_each_trial_is_a_session_of_the_hparams_page(tmp_path):
    write_trials(ROWS, "digits/lora", tmp_path)
    scalars, options, status = session(tmp_path / "trial-001")
    assert scalars == {"trial/val_loss": 0.25, "trial/val_accuracy": np.float32(0.9), "trial/seconds": 3.0}
    assert options == {"rate": 1e-3, "rank": 4}
    assert status == 1
    scalars, _, status = session(tmp_path / "trial-000")
    assert "trial/val_loss" not in scalars
    assert status == 2


def test_an_earlier_sitting_is_replaced_and_nothing_else(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "events").touch()
    write_trials(ROWS, "digits/lora", tmp_path)
    write_trials(ROWS[:1], "digits/lora", tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mine", "trial-001"]

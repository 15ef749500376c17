"""Adaptation end to end on real digits in another light, with a network small enough for a test."""

import json

import numpy as np
import pytest
from PIL import Image

import tlzoo
from tlzoo.errors import UnknownNameError, UsageError
from tlzoo.workflows import adapt as workflow

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]


@pytest.fixture(scope="module")
def run(tiny, domains, tmp_path_factory):
    """A run in which the tuned network is what is kept, whatever it is trusted."""
    out = tmp_path_factory.mktemp("tuned") / "run"
    patch = pytest.MonkeyPatch()
    patch.setattr(workflow, "choose", lambda tried: tried[-1])
    try:
        return tlzoo.adapt(
            domains / "bright", domains / "dim", backbone="tiny", methods=["adabn"],
            end_to_end=["self_training"], epochs=3, out=out,
        )  # fmt: skip
    finally:
        patch.undo()


def told(run):
    return json.loads((run.path / "adaptation.json").read_text())


def test_a_tuned_network_is_a_way_like_any_other(run):
    rows = {row["way"]: row for row in told(run)["ways"]}
    assert set(rows) == {"source only", "adabn", "end_to_end self_training"}
    tuned = rows["end_to_end self_training"]
    assert tuned["chosen"]
    assert 0.0 < tuned["trust"]["validation"] <= 1.0
    assert tuned["scores"]["balanced_accuracy"] > rows["source only"]["scores"]["balanced_accuracy"]
    assert run.evaluate().accuracy == pytest.approx(tuned["scores"]["accuracy"])


def test_frozen_features_are_those_of_the_network_as_it_was(run, domains, tmp_path):
    alone = tlzoo.adapt(
        domains / "bright", domains / "dim", backbone="tiny", methods=["adabn"], out=tmp_path / "alone"
    )
    mine, theirs = ({row["way"]: row for row in told(each)["ways"]} for each in (run, alone))
    assert mine["adabn"]["scores"] == theirs["adabn"]["scores"]
    assert mine["source only"]["trust"] == theirs["source only"]["trust"]
    phases = [json.loads((each.path / "plan.json").read_text())["phases"] for each in (alone, run)]
    assert [[phase["name"] for phase in each] for each in phases] == [["adapt"], ["adapt", "end_to_end"]]


def test_the_served_model_is_the_tuned_one(run, tmp_path):
    reopened = tlzoo.open_run(run.path)
    with np.load(run.path / "predictions.npz") as kept:
        index, logits = kept["test_index"], kept["test_logits"]
    pixels = np.stack([np.asarray(Image.open(reopened.dataset.items[at])) for at in index[:20]])
    again = reopened.model.predict(pixels.astype(np.float32), verbose=0)
    np.testing.assert_allclose(again, logits[:20], atol=2e-2)
    bundle = reopened.export(tmp_path / "bundle")
    answers = bundle.predict([str(reopened.dataset.items[at]) for at in index[:10]])
    assert [answer.label for answer in answers] == [run.class_names[at] for at in logits[:10].argmax(axis=1)]


def test_the_command_says_how_it_was_tuned(run):
    assert "--end-to-end self_training --epochs 3" in run.folder.config["command"]
    assert run.folder.config["options"]["epochs"] == 3


def test_slips_cost_no_time(domains, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'self_training'"):
        tlzoo.adapt("nowhere/", "nowhere/", end_to_end=["self_trainin"])
    with pytest.raises(UsageError, match="epochs"):
        tlzoo.adapt(
            domains / "bright", domains / "dim", backbone="tiny", end_to_end=["mcc"], epochs=0,
            out=tmp_path / "run",
        )  # fmt: skip
    assert not (tmp_path / "run").exists()

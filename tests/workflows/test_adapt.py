"""Adaptation end to end: real digits, and the same under another light."""

import json

import numpy as np
import pytest
from PIL import Image

import tlzoo
from tlzoo.data.load import load
from tlzoo.errors import DataError, RunError, UnknownNameError, UsageError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]


@pytest.fixture(scope="module")
def run(tiny, domains, tmp_path_factory):
    out = tmp_path_factory.mktemp("adapted") / "run"
    return tlzoo.adapt(domains / "bright", domains / "dim", backbone="tiny", out=out)


def told(run):
    return json.loads((run.path / "adaptation.json").read_text())


def test_adaptation_beats_the_source_alone(run):
    rows = {row["way"]: row for row in told(run)["ways"]}
    chosen = rows[told(run)["chosen"]["way"]]
    assert chosen["scores"]["balanced_accuracy"] > rows["source only"]["scores"]["balanced_accuracy"]
    assert chosen["scores"]["accuracy"] == pytest.approx(run.evaluate().accuracy)
    assert run.evaluate().n == 120


def test_the_domains_are_nearer_afterwards(run):
    measured = told(run)["distances"]
    assert measured["after"]["mmd"] < measured["before"]["mmd"]
    assert 0 <= measured["after"]["a_distance"] <= 2


def test_no_label_of_the_target_has_a_say(run, domains, tmp_path):
    """Shuffled labels of the target change its scores and nothing else."""
    source, target = load(domains / "bright"), load(domains / "dim")
    wrong = load(([np.asarray(Image.open(path)) for path in target.items], target.labels[::-1].tolist()))
    again = tlzoo.adapt(source, wrong, backbone="tiny", out=tmp_path / "wrong", target_labels="none")
    kernel, bias = (np.array(each) for each in again.model.get_layer("head").weights)
    expected = [np.array(each) for each in run.model.get_layer("head").weights]
    np.testing.assert_allclose(kernel, expected[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(bias, expected[1], rtol=1e-3, atol=1e-4)
    assert told(again)["chosen"] == told(run)["chosen"]
    assert all(row["scores"] is None for row in told(again)["ways"])
    assert "majority" not in told(again)


def test_the_model_of_a_reopened_run_gives_the_recorded_logits(run, domains):
    reopened = tlzoo.open_run(run.path)
    with np.load(run.path / "predictions.npz") as kept:
        index, logits = kept["test_index"], kept["test_logits"]
    pixels = np.stack([np.asarray(Image.open(reopened.dataset.items[at])) for at in index[:20]])
    again = reopened.model.predict(pixels.astype(np.float32), verbose=0)
    np.testing.assert_allclose(again, logits[:20], atol=2e-2)


def test_an_adapted_run_is_exported_as_any_other(run, domains, tmp_path):
    bundle = run.export(tmp_path / "bundle")
    paths = sorted((domains / "dim").rglob("*.png"))[::15]
    answers = bundle.predict([str(path) for path in paths])
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths]).astype(np.float32)
    decided = run.model.predict(pixels, verbose=0).argmax(axis=1)
    assert [answer.label for answer in answers] == [run.class_names[at] for at in decided]


def test_the_report_shows_every_way(run):
    page = run.report.read_text()
    assert "<h2>Adaptation</h2>" in page
    assert "source only" in page
    assert "adabn + coral" in page
    assert "A-distance" in page


def test_a_bare_folder_is_enough(domains, tmp_path):
    found = tlzoo.adapt(
        domains / "bright", domains / "dim" / "digit 0", target_labels="none", backbone="tiny",
        methods=["standardise"], out=tmp_path / "run",
    )  # fmt: skip
    facts = told(found)
    assert facts["target"] == {"name": "digit 0", "n": 40, "labels": False}
    assert "held-out source examples" in found.report.read_text()
    assert found.evaluate().n == 24
    assert set(facts["label_shift"]) == {"source", "bbse", "saerens"}


def test_a_learned_objective_is_a_way_like_any_other(domains, tmp_path):
    found = tlzoo.adapt(
        domains / "bright", domains / "dim", backbone="tiny", methods=["mcc"], out=tmp_path / "run"
    )
    assert {row["way"] for row in told(found)["ways"]} == {"source only", "standardise + mcc"}


def test_it_is_not_resumed(run):
    with pytest.raises(RunError, match="is an adaptation"):
        tlzoo.resume(run.path)


def test_slips_cost_no_time(domains, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'coral'"):
        tlzoo.adapt(domains / "bright", domains / "dim", methods=["corall"], out=tmp_path / "run")
    with pytest.raises(DataError, match="--target-labels none"):
        tlzoo.adapt(domains / "bright", domains / "dim" / "digit 0", out=tmp_path / "run")
    with pytest.raises(UsageError, match="'score' or 'none'"):
        tlzoo.adapt(domains / "bright", domains / "dim", target_labels="some", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_shift_tells_far_from_near(domains):
    far = tlzoo.shift(domains / "bright", domains / "dim", backbone="tiny")
    assert far.verdict == "far"
    assert "tlzoo adapt" in far.advice
    assert far.between.a_distance > far.within.a_distance
    near = tlzoo.shift(domains / "bright", domains / "bright", backbone="tiny")
    assert near.verdict == "near"
    assert near.shares["second"] == pytest.approx(near.shares["first"])
    assert set(near.to_dict()) >= {"between", "within", "verdict", "shares", "advice"}

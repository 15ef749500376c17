import json
import shutil

import pytest

from tlzoo.errors import UnknownNameError, UsageError
from tlzoo.evaluation.compare import compare, render_table, verdict
from tlzoo.evaluation.record import RunRecord
from tlzoo.metrics.bootstrap import Interval


def records(*runs):
    return [RunRecord.read(run) for run in runs]


def test_finds_the_winner_and_the_tie(make_run):
    good, near, bad = (
        make_run("good"),
        make_run("near", skill=2.05, seed=3),
        make_run("bad", skill=1.0, seed=4),
    )
    found = compare(records(bad, near, good))
    assert found.rows[0].value.estimate >= found.rows[1].value.estimate >= found.rows[2].value.estimate
    assert found.rows[2].run == str(bad)
    assert [pair.paired for pair in found.pairs] == [True, True]
    assert found.pairs[0].verdict.startswith("within noise")
    assert found.pairs[1].verdict.startswith("worse by")
    assert "within noise of" in found.verdict
    assert (found.rows[0].epochs, found.rows[0].seconds, found.rows[0].params) == (24, 412.6, 3_373_586)


def test_lower_is_better_for_losses(make_run):
    found = compare(records(make_run("bad", skill=1.0, seed=4), make_run("good")), "log_loss")
    assert found.rows[0].run.endswith("good")
    assert found.pairs[0].verdict.startswith("worse by")
    assert "nats" in found.pairs[0].verdict
    assert "wins" in found.verdict


def test_other_data_is_compared_unpaired_and_says_so(make_run):
    found = compare(records(make_run("one"), make_run("two", fingerprint="other")))
    assert not found.pairs[0].paired
    assert "unpaired" in found.pairs[0].verdict


def test_a_run_against_its_copy(make_run, tmp_path):
    run = make_run("one")
    shutil.copytree(run, tmp_path / "copy")
    assert compare(records(run, tmp_path / "copy")).pairs[0].verdict == "no difference"


def test_one_run(make_run):
    found = compare(records(make_run("one")))
    assert found.pairs == ()
    assert "only run" in found.verdict


def test_refusals(make_run):
    with pytest.raises(UsageError, match="0 runs"):
        compare([])
    with pytest.raises(UnknownNameError, match="Did you mean 'macro_f1'"):
        compare(records(make_run("one")), "macro_f2")


def test_json_and_text(make_run):
    found = compare(records(make_run("one"), make_run("two", seed=5)))
    value = json.loads(json.dumps(found.to_dict()))
    assert value["best"] == found.rows[0].run
    assert set(value["runs"][0]["value"]) == {"estimate", "low", "high", "level"}
    text = render_table(found)
    assert text.splitlines()[0].split()[:3] == ["run", "recipe", "backbone"]
    assert "test accuracy" in text
    assert found.verdict in text


@pytest.mark.parametrize(
    ("difference", "metric", "words"),
    [
        (Interval(0.021, 0.004, 0.038), "accuracy", "better by 2.1 points [0.4, 3.8]"),
        (Interval(-0.021, -0.038, -0.004), "accuracy", "worse by 2.1 points [0.4, 3.8]"),
        (Interval(-0.021, -0.038, -0.004), "ece", "better by 2.1 points [0.4, 3.8]"),
        (Interval(0.2, 0.1, 0.3), "log_loss", "worse by 0.200 nats [0.100, 0.300]"),
        (Interval(0.002, -0.004, 0.009), "accuracy", "within noise: +0.2 points [-0.4, 0.9]"),
        (Interval(0.0, 0.0, 0.0), "accuracy", "no difference"),
    ],
)
def test_words(difference, metric, words):
    assert verdict(difference, metric) == words


def test_says_who_looked_at_the_test_examples(make_run):
    plain, looked = make_run("plain"), make_run("looked", seed=3)
    plan = json.loads((looked / "plan.json").read_text())
    plan["phases"][-1]["pseudo"] = {"confidence": 0.9}
    (looked / "plan.json").write_text(json.dumps(plan))
    found = compare(records(plain, looked))
    assert found.transductive == (str(looked),)
    assert f"which the others did not: {looked}." in found.verdict
    assert "looked at the test examples" not in compare(records(plain)).verdict

"""Runs at a glance: whole, unfinished, broken, of the same name, with and without a verdict."""

import json
import shutil

import numpy as np
import pytest

from tests.evaluation.conftest import PLAN
from tlzoo import overview


def test_a_run_is_told_in_full(make_run):
    path = make_run()
    (run,) = overview(path).runs
    assert (run.name, run.task, run.recipe, run.backbone) == (
        "run",
        "classification",
        "fine_tune",
        "efficientnet_lite0",
    )
    assert (run.data, run.params, run.seconds) == ("elpv", 3_373_586, 412.6)
    assert len(run.log) == sum(phase["epochs"] for phase in PLAN["phases"])
    assert run.watched == "accuracy"
    with np.load(path / "predictions.npz") as kept:
        assert np.sum(run.confusion) == len(kept["test_labels"])
        right = (kept["test_logits"].argmax(axis=1) == kept["test_labels"]).sum()
    assert np.trace(run.confusion) == right
    assert run.verdict is None
    assert run.tensorboard is None


def test_seconds_go_on_over_phases(make_run):
    path = make_run()
    rows = [{"phase": "head", "epoch": 0, "seconds": 2.0, "val_loss": 0.5},
            {"phase": "head", "epoch": 1, "seconds": 3.0, "val_loss": float("nan")},
            {"phase": "all", "epoch": 0, "seconds": 10.0, "val_loss": 0.4}]  # fmt: skip
    (path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run,) = overview(path).runs
    assert [(epoch.number, epoch.seconds) for epoch in run.log] == [(1, 2.0), (2, 3.0), (3, 13.0)]
    assert "val_loss" not in run.log[1].values


def test_a_folder_of_runs_is_read_whole_and_in_order(make_run, tmp_path):
    for name in ("b", "a"):
        make_run(f"runs/{name}", n=240)
    (tmp_path / "runs" / "notes").mkdir()
    found = overview(tmp_path / "runs")
    assert [run.name for run in found.runs] == ["a", "b"]
    assert found.problems == ()
    twice = overview(tmp_path / "runs", tmp_path / "runs" / "a")
    assert [run.name for run in twice.runs] == ["a", "b"]


def test_runs_of_the_same_name_are_told_apart(make_run, tmp_path):
    for parent in ("x", "y"):
        make_run(f"{parent}/first", n=240)
    make_run("x/second", n=240)
    names = [run.name for run in overview(tmp_path / "x", tmp_path / "y").runs]
    assert names == ["x/first", "second", "y/first"]


BREAK = {
    "unfinished": lambda run: (run / "metrics.json").unlink(),
    "no config": lambda run: (run / "config.json").write_text("{"),
    "plan of another kind": lambda run: (run / "plan.json").write_text("{}"),
    "card": lambda run: (run / "card.json").write_text("[]"),
    "scores": lambda run: (run / "metrics.json").write_text("{}"),
    "scores of another kind": lambda run: (run / "metrics.json").write_text('{"test": {"accuracy": "x"}}'),
    "predictions": lambda run: (run / "predictions.npz").write_bytes(b"PK"),
    "log": lambda run: (run / "log.jsonl").write_text('{"phase": "head", "epoch": 0}\n{"ph\n'),
    "labels": lambda run: (run / "labels.json").write_text("3"),
    "gone": shutil.rmtree,
    "empty": lambda run: [file.unlink() for file in run.iterdir() if file.is_file()],
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BREAK)
def test_whatever_is_broken_is_named_and_hides_nothing(make_run, what):
    good, bad = make_run("good", n=240), make_run("bad", n=240)
    BREAK[what](bad)
    found = overview(good, bad)
    assert [run.name for run in found.runs] == ["good"]
    (problem,) = found.problems
    assert problem.path == bad
    assert problem.why
    assert "\n" not in problem.why


def test_a_verdict_is_shown_where_it_can_be_read(make_run):
    path = make_run()
    told = {
        "sentence": "Positive transfer: +7.0 points.",
        "curve": [{"examples": 10, "run": 0.7, "scratch": 0.6}],
    }
    (path / "verdict").mkdir()
    (path / "verdict" / "verdict.json").write_text(json.dumps(told))
    assert overview(path).runs[0].verdict == told
    for broken in ("{", "[]", '{"curve": []}', '{"sentence": 3}'):
        (path / "verdict" / "verdict.json").write_text(broken)
        assert overview(path).runs[0].verdict is None


def test_metrics_are_those_of_the_task():
    from tlzoo.evaluation.overview import Overview

    assert Overview.metrics("classification")[0].name == "accuracy"
    rmse = Overview.metrics("regression")[0]
    assert (rmse.name, rmse.share, rmse.lower) == ("rmse", False, True)


def test_nothing_is_no_error():
    assert overview().runs == ()

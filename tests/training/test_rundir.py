import json

import numpy as np
import pytest

from tlzoo.errors import RunError
from tlzoo.training.rundir import RunDir


def test_a_folder_with_something_in_it_is_not_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match=r"is not empty.*--resume"):
        RunDir.create(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_folder_whose_run_was_killed_in_its_first_moments_is_used_again(tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / ".plan.json.abc").write_text("{")
    assert RunDir.create(tmp_path).path == tmp_path


def test_a_run_is_finished_when_its_report_is_written(tmp_path):
    run = RunDir.create(tmp_path / "run")
    (run.path / "metrics.json").write_text("{}")
    assert not run.finished
    (run.path / "report.html").write_text("")
    assert run.finished


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(RunError, match=r"config\.json is missing"):
        RunDir.open(tmp_path)


def test_metrics_of_an_unfinished_run_say_how_to_finish_it(tmp_path):
    with pytest.raises(RunError, match="tlzoo train --resume"):
        RunDir.create(tmp_path / "run").metrics  # noqa: B018


def test_splits_both_ways_with_odd_names(tmp_path):
    run = RunDir.create(tmp_path / "run")
    run.write_splits(
        [(0, 'a, "b"\n.jpg', "x", "train", ""), (2, "c", "y", "test", "g"), (1, "d", "y", "train", "")]
    )
    splits = run.read_splits()
    assert {name: part.tolist() for name, part in splits.items()} == {
        "train": [0, 1],
        "validation": [],
        "test": [2],
    }
    assert splits["validation"].dtype == np.int64


def test_trimming_the_log_forgets_later_epochs_and_half_lines(tmp_path):
    run = RunDir.create(tmp_path / "run")
    lines = [{"phase": "head", "epoch": 0}, {"phase": "tune", "epoch": 0}, {"phase": "tune", "epoch": 1}]
    (run.path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"phase": "tu')
    run.trim_log("tune", 1)
    kept = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert kept == lines[:2]


def test_two_processes_do_not_train_one_run(tmp_path):
    run = RunDir.create(tmp_path / "run")
    with run.lock(), pytest.raises(RunError, match="another process"), RunDir(run.path).lock():
        pass


def test_a_damaged_file_is_named(tmp_path):
    run = RunDir.create(tmp_path / "run")
    (run.path / "config.json").write_text("{")
    with pytest.raises(RunError, match=r"config\.json"):
        run.config  # noqa: B018

import json

import numpy as np
import pytest

from tlzoo.errors import RunError
from tlzoo.evaluation.record import REQUIRED, RunRecord


def test_reads_everything(make_run):
    record = RunRecord.read(make_run())
    assert record.name == "run"
    assert record.class_names == ["functional", "defective"]
    assert record.plan.recipe == "fine_tune"
    assert record.card.title == "EfficientNet-Lite0"
    assert record.test.n == len(record.predictions("test").labels)
    assert record.probabilities("test").sum(axis=1) == pytest.approx(1)
    assert len(record.log) == 24
    assert len(record.splits) == 2624
    assert record.features.shape == (record.test.n, 32)
    assert 0 < len(record.mistakes) <= 24


def test_not_a_run(tmp_path):
    with pytest.raises(RunError, match="no such folder"):
        RunRecord.read(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"no config\.json.*train first"):
        RunRecord.read(tmp_path)


@pytest.mark.parametrize("name", REQUIRED[1:])
def test_an_unfinished_run_says_how_to_finish_it(make_run, name):
    run = make_run()
    (run / name).unlink()
    with pytest.raises(RunError, match=rf"has not finished: {name} missing.*train --resume"):
        RunRecord.read(run)


def test_a_broken_file_is_named(make_run):
    run = make_run()
    (run / "config.json").write_text("{")
    (run / "predictions.npz").write_bytes(b"PK")
    record = RunRecord.read(run)
    with pytest.raises(RunError, match=r"config\.json .* cannot be read"):
        _ = record.config
    with pytest.raises(RunError, match=r"predictions\.npz .* cannot be read"):
        record.predictions()


def test_what_is_optional_may_be_missing(make_run):
    run = make_run()
    for name in ("log.jsonl", "splits.csv", "mistakes/mistakes.json"):
        (run / name).unlink()
    record = RunRecord.read(run)
    assert (record.log, record.splits, record.mistakes) == ([], [], [])


def test_missing_parts_are_named(make_run):
    run = make_run()
    record = RunRecord.read(run)
    with pytest.raises(RunError, match="no scores of 'train'"):
        record.scores("train")
    np.savez(run / "predictions.npz", test_index=np.arange(2))
    with pytest.raises(RunError, match="test_labels, test_logits"):
        RunRecord.read(run).predictions()
    assert RunRecord.read(run).features is None


def test_an_epoch_told_twice_counts_as_last_told(make_run):
    run = make_run()
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps({"phase": "all", "epoch": 13, "loss": 9.0}) + "\n")
    log = RunRecord.read(run).log
    assert len(log) == 24
    assert log[-1]["loss"] == 9.0

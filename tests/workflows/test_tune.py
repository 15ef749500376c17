"""Searching options on real digits: chosen by validation alone, and never lost."""

import json

import numpy as np
import pytest

import tlzoo
from tlzoo.errors import RunError, UnknownNameError, UsageError
from tlzoo.workflows.attempts import Attempt
from tlzoo.workflows.request import Request
from tlzoo.workflows.tune import TuneRequest, tune

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]


def asked(out, trials=4, seconds=None, search=("rate", "dropout"), recipe="feature_extraction", **options):
    search = ("rate",) if recipe == "feature_extraction" else search
    train = Request(
        backbone="tiny", recipe=recipe, out=out, validation=0.2, test=0.25, options={"epochs": 2, **options}
    )
    return TuneRequest(train, trials, seconds, search)


@pytest.fixture(scope="module")
def whole(tiny, digits, tmp_path_factory):
    return tune(digits, asked(tmp_path_factory.mktemp("tunes") / "whole"))


def told(found):
    return {trial.number: (dict(trial.options), attempt.loss) for trial, attempt in found.tried}


def test_the_best_on_validation_is_finished_and_tested_and_no_other_is(whole):
    losses = [attempt.loss for _, attempt in whole.tried]
    assert len(losses) == 4
    assert whole.best.loss == min(losses)
    assert whole.run.path == whole.best.folder
    assert whole.run.metrics["test"]["n"] == 30
    for _, attempt in whole.tried:
        tested = [
            (attempt.folder / name).exists() for name in ("metrics.json", "predictions.npz", "weights.npz")
        ]
        assert all(tested) if attempt.folder == whole.run.path else not any(tested)
        assert not (attempt.folder / "checkpoints").exists()


def test_the_first_trial_is_the_recipe_as_it_is(whole):
    trial, attempt = whole.tried[0]
    assert dict(trial.options) == {"rate": 1e-3}
    assert json.loads((attempt.folder / "config.json").read_text())["options"] == {"epochs": 2}
    others = [each.options["rate"] for each, _ in whole.tried[1:]]
    assert len(set(others)) == 3
    assert all(1e-4 <= rate <= 1e-2 for rate in others)


def test_what_is_written_down_says_how_it_was_chosen(whole):
    kept = json.loads((whole.folder / "tune.json").read_text())
    assert [row["val_loss"] for row in kept["trials"]] == sorted(row["val_loss"] for row in kept["trials"])
    assert kept["seconds"] > 0
    assert kept["options"] == whole.options
    page = whole.run.report.read_text()
    assert "How its options were chosen" in page
    assert whole.verdict.split(",")[0] in page
    assert "trial 3" in page


def test_a_killed_search_goes_on_exactly_as_it_would_have(whole, digits, tmp_path):
    class Killed(Exception):
        pass

    def kill(done, total, what):
        if what.startswith("trial 3") and done >= total:  # its training is over, and nobody was told
            raise Killed

    out = tmp_path / "search"
    with pytest.raises(Killed):
        tune(digits, asked(out), progress=kill)
    assert (out / "trials" / "002").is_dir()
    again = tune(digits, asked(out))
    assert told(again) == told(whole)
    assert again.run.metrics["test"] == whole.run.metrics["test"]


def test_a_search_that_is_over_takes_more_trials(whole, digits, tmp_path):
    out = tmp_path / "search"
    first = tune(digits, asked(out, trials=2))
    assert told(first).items() <= told(whole).items()
    more = tune(digits, asked(out, trials=4))
    assert told(more) == told(whole)
    assert first.run.path.is_dir()
    assert tlzoo.open_run(first.run.path, digits).metrics["test"]["n"] == 30


def test_another_search_in_the_same_folder_is_refused(whole, digits, tmp_path):
    with pytest.raises(RunError, match="holds another search: options differ"):
        tune(digits, asked(whole.folder, l2=[0.1]))
    with pytest.raises(RunError, match="holds another search: fingerprint differ"):
        tune((digits[0][:100], digits[1][:100]), asked(whole.folder))
    (tmp_path / "letter").write_text("mine")
    with pytest.raises(RunError, match="not empty, and holds no search"):
        tune(digits, asked(tmp_path))


def test_trials_are_cut_short_when_the_time_is_up(digits, tmp_path):
    found = tune(
        digits, asked(tmp_path / "search", seconds=1.0, recipe="fine_tune", epochs=400, head_epochs=2)
    )
    assert [attempt.cut for _, attempt in found.tried] == [True]
    log = [json.loads(line) for line in (found.best.folder / "log.jsonl").read_text().splitlines()]
    assert 1 <= len([entry for entry in log if entry["phase"] == "tune"]) < 400
    # What was cut stays cut: finishing it trained no further, and the run is what was judged.
    assert found.run.metrics["validation"]["n"] == len(found.best.losses)
    with np.load(found.run.path / "predictions.npz") as kept:
        right = (kept["validation_logits"].argmax(axis=1) == kept["validation_labels"]).mean()
    assert right == pytest.approx(found.best.shown)


def test_options_of_several_kinds_are_searched(digits, tmp_path):
    request = asked(
        tmp_path / "search", 3, recipe="lora", search=("rank", "top", "rate"), epochs=1, head_epochs=2
    )
    found = tune(digits, request)
    for trial, _ in found.tried:
        assert trial.options["rank"] in (2, 4, 8, 16, 32)
        assert trial.options["top"] in (1, 2, 3)
    folder = found.write_tensorboard(tmp_path / "board")
    assert sorted(each.name for each in folder.iterdir()) == ["trial-000", "trial-001", "trial-002"]


def test_a_search_in_which_all_diverges_says_so(digits, tmp_path, monkeypatch):
    lost = np.full(24, np.inf), 0.0
    monkeypatch.setattr("tlzoo.workflows.attempts.judged", lambda *_: lost)
    found = tune(digits, asked(tmp_path / "search", 2))
    assert found.run is None
    assert "none has learned anything" in found.verdict
    assert found.rows()[0]["val_loss"] is None
    assert json.loads((tmp_path / "search" / "tune.json").read_text())["trials"][1]["val_loss"] is None
    again = tune(digits, asked(tmp_path / "search", 2))
    assert np.isinf(again.best.loss)


def test_what_cannot_be_searched_is_refused(digits, tmp_path):
    with pytest.raises(UsageError, match="0 trials"):
        tune(digits, asked(tmp_path / "a", trials=0))
    with pytest.raises(UnknownNameError, match="Did you mean 'dropout'"):
        tune(digits, asked(tmp_path / "b", recipe="fine_tune", search=("dropuot",)))
    with pytest.raises(UsageError, match="nothing is left to search"):
        tune(digits, asked(tmp_path / "c", rate=1e-3))
    assert list(tmp_path.iterdir()) == []


def test_without_optuna_it_says_how_to_get_it(digits, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r"pip install 'tlzoo\[tune\]'"):
        tune(digits, asked(tmp_path / "search"))


def test_gains_are_told_with_their_noise(whole):
    from dataclasses import replace

    noise = np.random.default_rng(0).normal(0, 0.1, 200)
    noise -= noise.mean()
    base = np.linspace(0.2, 0.4, 200)
    (as_it_is, _), (trial, _) = whole.tried[:2]

    def verdict(before, after):
        found = [
            (as_it_is, Attempt(whole.folder, before, 0.8, 1.0)),
            (trial, Attempt(whole.folder, after, 0.8, 1.0)),
        ]
        return replace(whole, tried=tuple(found)).verdict

    assert "beyond noise" in verdict(base, base - 0.1 + noise)
    assert "within noise" in verdict(base, base - 0.001 + noise)
    assert "none is better than the recipe as it is" in verdict(base, base + 0.1)
    assert "whose training diverged" in verdict(np.full(200, np.inf), base)

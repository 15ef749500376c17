import json

import numpy as np
import pytest

from tlzoo.evaluation.report import write_report
from tlzoo.evaluation.trust import Asked, trust_of, words

NAMES = ("functional", "defective")


def arrays_of(folder):
    with np.load(folder / "predictions.npz") as kept:
        return {name: kept[name] for name in kept.files}


@pytest.fixture
def arrays(make_run):
    return arrays_of(make_run())


def test_what_it_says_is_json(arrays):
    found = trust_of(arrays, 2.5)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_temperature_changes_no_decision(arrays):
    for temperature in (0.1, 1.0, 2.5, 20.0):
        assert trust_of(arrays, temperature)["calibration"]["changed_by_temperature"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lac", "aps", "raps"])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_coverage_on_the_test_split(arrays, method, coverage):
    test = trust_of(arrays, 2.5, Asked(coverage, method))["conformal"]["test"]
    # 394 examples calibrate and 656 judge: three standard deviations.
    spread = (coverage * (1 - coverage) * (1 / 394 + 1 / 656)) ** 0.5
    assert test["coverage"] == pytest.approx(coverage, abs=3 * spread)
    assert test["n"] == len(arrays["test_labels"])


def test_the_surest_are_the_most_right_and_thresholds_do_what_they_say(arrays):
    selective = trust_of(arrays, 2.5)["selective"]
    accuracies = [each["accuracy"] for each in selective["levels"]]
    assert accuracies[-1] > accuracies[0] + 0.02
    kept = [each for each in selective["guaranteed"] if each["found"]]
    assert kept
    assert all(each["test"]["accuracy"] > each["wanted"] - 0.03 for each in kept)


def test_many_logits_skip_vector_scaling(arrays, monkeypatch):
    monkeypatch.setattr("tlzoo.evaluation.trust.MOST_NUMBERS", 10)
    assert trust_of(arrays, 1.0)["calibration"]["vector"] is None


def test_words_tell_all_of_it(arrays):
    found = trust_of(arrays, 2.5, fresh=False)
    told = "\n".join(words(found, NAMES))
    for word in (
        "calibration",
        "vector scaling",
        "conformal",
        "worst class",
        "selective",
        "guaranteed",
        "learned from",
    ):
        assert word in told
    assert words({"ood": None, "ood_reason": "gone"}, NAMES) == ["foreign      not measured: gone"]


FOREIGN = {
    "foreign": {"source": "<b>holiday</b>", "n": 12},
    "scores": {"energy": {"threshold": 1.25, "test_flagged": 0.04, "foreign_flagged": 0.9, "auroc": 0.987}},
}


def test_the_report_shows_it(make_run):
    folder = make_run()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 'id="trust"' not in write_report(folder).read_text()
    metrics["trust"] = {**trust_of(arrays_of(folder), metrics["temperature"]), "ood": FOREIGN}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    page = write_report(folder).read_text()
    for shown in (
        'id="trust"',
        "Prediction sets",
        "Foreign inputs",
        "0.987",
        "&lt;b&gt;holiday",
        "Vector scaling",
    ):
        assert shown in page
    assert "<b>holiday" not in page


def test_the_report_of_other_tasks_shows_what_there_is(make_run):
    folder = make_run()
    metrics = json.loads((folder / "metrics.json").read_text())
    without = {name: dict(each, foreign_flagged=None, auroc=None) for name, each in FOREIGN["scores"].items()}
    metrics["trust"] = {"ood": {"foreign": None, "scores": without}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    page = write_report(folder).read_text()
    assert "Foreign inputs" in page
    assert 'AUROC</th></tr></thead>\n    <tbody><tr><th scope="row">energy' not in page

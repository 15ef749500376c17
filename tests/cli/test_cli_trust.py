"""`trust`, `clean` and `suggest` as their users type them."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from tlzoo.cli.main import main

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]


@pytest.fixture(scope="module")
def photos(photos, digits):
    """Digits some of which stand a second time under another label."""
    for at in range(5, 17, 2):
        Image.fromarray(digits[0][at]).save(photos / "digit 2" / f"wrong{at}.png")
    return photos


@pytest.fixture(scope="module")
def run(tiny, photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    words = ["train", str(photos), "--backbone", "tiny", "--out", str(out), "--set", "epochs=20", "--quiet"]
    assert main(words) == 0
    return out


def test_trust_prints_all_of_it_and_where_the_report_is(said, run):
    code, out, _ = said("trust", run, "--coverage", "0.8", "--by-class", "-q")
    assert code == 0
    for word in (
        "calibration",
        "sets of 80% (lac, by class",
        "selective",
        "foreign",
        "mahalanobis",
        "report.html",
    ):
        assert word in out


def test_trust_in_json(said, run, photos):
    code, out, _ = said("trust", run, "--method", "raps", "--foreign", photos, "--json", "-q")
    answer = json.loads(out)
    assert code == 0
    assert answer["conformal"]["method"] == "raps"
    assert answer["ood"]["foreign"]["n"] == 126
    assert answer["ood"]["scores"]["energy"]["auroc"] == pytest.approx(0.5, abs=0.2)  # they are the very same


def test_trust_refuses_in_words(said, run, tmp_path):
    code, _, err = said("trust", run, "--coverage", "90", "-q")
    assert (code, "share above 0" in err) == (2, True)
    assert said("trust", tmp_path, "-q")[0] == 6
    assert said("trust", run, "--method", "best")[0] == 2


def test_clean_names_files_and_exits_with_zero(said, run, photos, tmp_path):
    code, out, _ = said("clean", photos, "--run", run, "--csv", tmp_path / "found.csv", "-q")
    assert code == 0
    assert "digit 2/wrong7.png" in out
    assert "looks like" in out
    assert "pairs are nearly the same" in out
    with (tmp_path / "found.csv").open() as file:
        assert "digit 2/wrong7.png" in {row["item"] for row in csv.DictReader(file)}


def test_clean_in_json(said, photos):
    code, out, _ = said("clean", photos, "--backbone", "tiny", "--json", "-q")
    answer = json.loads(out)
    assert code == 0
    assert {"suspects", "twins", "leaks", "conflicts", "noise", "accuracy", "threshold"} <= answer.keys()
    assert ["digit 0/007.png", "digit 2/wrong7.png"] in [sorted(pair) for pair in answer["conflicts"]]


def test_suggest_names_items(said, run, photos, tmp_path):
    code, out, _ = said(
        "suggest", run, photos, "-n", 4, "--strategy", "margin", "--csv", tmp_path / "next.csv", "-q"
    )
    assert code == 0
    assert len(out.splitlines()) == 4
    assert "doubt" in out
    with (tmp_path / "next.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["item"] for row in rows] == [line.rpartition(": ")[0] for line in out.splitlines()]
    _, out, _ = said("suggest", run, photos, "-n", 4, "--json", "-q")
    assert len(json.loads(out)["suggestions"]) == 4


def test_export_and_predict_tell_foreign_items(said, run, tmp_path, photos):
    code, out, _ = said("export", run, tmp_path / "b", "--ood", "mahalanobis", "-q")
    assert (code, "ood_score  mahalanobis, foreign above" in out) == (0, True)
    stripes = np.tile(np.array([0, 255] * 16, np.uint8)[:, None], (1, 32))
    Image.fromarray(np.stack([stripes, 255 - stripes, stripes.T], axis=2)).save(tmp_path / "odd.png")
    _, out, _ = said("predict", tmp_path / "b", tmp_path / "odd.png", "-q")
    assert "; foreign (" in out
    _, out, _ = said(
        "predict", tmp_path / "b", photos / "digit 0", "--json", "--csv", tmp_path / "a.csv", "-q"
    )
    answers = json.loads(out)["predictions"]
    assert all(answer["ood_score"] > 0 for answer in answers)
    with (tmp_path / "a.csv").open() as file:
        assert float(next(csv.DictReader(file))["ood_score"]) == answers[0]["ood_score"]


def test_strategies_of_the_parser_are_those_of_the_formulas():
    from tlzoo.cli.trust import _STRATEGIES
    from tlzoo.metrics.acquisition import STRATEGIES

    assert _STRATEGIES == STRATEGIES

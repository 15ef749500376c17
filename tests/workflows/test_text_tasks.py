"""Numbers and several labels learned from texts in a table, as people type it, down to the bundle."""

import csv
import json

import numpy as np
import pytest

import tlzoo
from tests.sources.word_cards import card_of
from tests.toys import cache  # noqa: F401
from tlzoo.cli.main import main
from tlzoo.sources import vector_files

WORDS = ["good", "bad", "cheap", "dear", "the", "film", "was", "."]


@pytest.fixture
def zoo(tmp_path, monkeypatch, cache):  # noqa: F811
    """A zoo with one backbone, `mine`: eight words whose vectors know what they mean."""
    (tmp_path / "zoo" / "backbones").mkdir(parents=True)
    (tmp_path / "zoo" / "datasets").mkdir()
    vectors = np.eye(len(WORDS), 6, dtype=np.float32)
    vector_files.write(tmp_path / "v.vec", WORDS, vectors)
    card = card_of(tmp_path / "v.vec", rows=len(WORDS) + 1).model_copy(update={"features": 6})
    lines = _toml(card.model_dump(mode="json", exclude_none=True, exclude={"name"}))
    (tmp_path / "zoo" / "backbones" / "mine.toml").write_text(lines)
    monkeypatch.setenv("TLZOO_ZOO", str(tmp_path / "zoo"))
    return "mine"


def _toml(value, prefix=""):
    plain = {key: each for key, each in value.items() if not isinstance(each, dict)}
    tables = {key: each for key, each in value.items() if isinstance(each, dict)}
    lines = [f"{key} = {_literal(each)}" for key, each in plain.items()]
    for key, each in tables.items():
        lines += [f"[{prefix}{key}]", _toml(each, f"{prefix}{key}.")]
    return "\n".join(lines)


def _literal(value):
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_literal(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture
def reviews(tmp_path):
    """Texts, how good they say it was on a scale around 50, and whether it was good and whether it was dear."""
    random = np.random.default_rng(0)
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "stars", "good", "dear", "tags"])
        for at in range(160):
            good, dear = random.integers(0, 2, 2)
            words = [*("good" if good else "bad",) * random.integers(1, 4), "dear" if dear else "cheap"]
            share = words.count("good") - words.count("bad")
            tags = "|".join(name for name, on in (("good", good), ("dear", dear)) if on)
            text = " ".join([*random.permutation(words), "the film was", "." * (at % 7 + 1)])
            writer.writerow([text, 50 + 5 * share, good, dear, tags])
    return path


@pytest.mark.slow
def test_a_number_from_texts(zoo, reviews, tmp_path, capsys):
    words = ["--task", "regression", "--label-column", "stars", "--text-column", "review", "--backbone", zoo]
    run = tmp_path / "run"
    more = ["--set", "rate=0.02", "--out", str(run), "--quiet", "--json"]
    assert main(["train", str(reviews), *words, *more]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["task"] == "regression"
    assert facts["rmse"] < 0.6 * facts["baseline_rmse"]
    bundle = tlzoo.open_run(run).export(tmp_path / "bundle")
    assert set(bundle.facts.signatures) == {"serving_default", "tokens", "features", "regress"}
    good, bad = bundle.predict(["good good good cheap the film was .", "bad bad bad cheap the film was ."])
    assert good.value > bad.value + 15


@pytest.mark.slow
@pytest.mark.parametrize("told", [["--label-columns", "good,dear"], ["--label-column", "tags"]])
def test_several_labels_from_texts(zoo, reviews, tmp_path, capsys, told):
    words = ["--task", "multilabel", "--text-column", "review", "--backbone", zoo, *told]
    run = tmp_path / "run"
    more = ["--set", "rate=0.02", "--out", str(run), "--quiet"]
    assert main(["train", str(reviews), *words, *more]) == 0
    assert "test macro F1" in capsys.readouterr().out
    assert (
        main(["evaluate", str(run), str(reviews), "--text-column", "review", *told, "--quiet", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["macro_f1"] > 0.9
    bundle = tlzoo.open_run(run).export(tmp_path / "bundle")
    answers = bundle.predict(["good dear the film was .", "bad cheap the film was ."])
    assert [set(answer.labels) for answer in answers] == [{"good", "dear"}, set()]
    command = json.loads((run / "config.json").read_text())["command"]
    assert "--task multilabel" in command
    assert all(word in command for word in told)

"""Trust, clean and suggest on texts."""

import csv

import numpy as np
import pytest

import tlzoo
from tlzoo.errors import DataError
from tlzoo.workflows.features import features_of, unlabelled
from tlzoo.workflows.foreign import known_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_text")]

ALIEN = ["0x3f 0x7a 0x00 0xff", "SELECT * FROM t WHERE a = 1;", "zzzz qqqq xxxx", "<div><p></p></div>"] * 3


@pytest.fixture(scope="module")
def run(tiny_text, corpus, tmp_path_factory):
    return tlzoo.train(
        corpus, backbone=tiny_text, out=tmp_path_factory.mktemp("runs") / "run", engine="graph", epochs=10
    )


def run_features(run, texts):
    return features_of(run, unlabelled(run, texts))


def test_foreign_texts_score_higher(run):
    found = tlzoo.trust(run, foreign=ALIEN)
    assert found["ood"]["foreign"]["n"] == len(ALIEN)
    assert found["ood"]["scores"]["mahalanobis"]["auroc"] > 0.6


def test_a_bundle_tells_foreign_texts(run, tmp_path):
    bundle = run.export(tmp_path / "talk", ood="mahalanobis")
    assert bundle.facts.parity.passed
    for signature in ("serving_default", "tokens", "features"):
        assert "ood_score" in bundle.facts.signatures[signature].outputs
    features, _ = run_features(run, ALIEN)
    found = [one.ood_score for one in bundle.predict(ALIEN)]
    np.testing.assert_allclose(found, known_of(run).detector(features), rtol=1e-3)


def test_rows_of_a_table_are_suggested_by_number(run, tmp_path):
    table = tmp_path / "new.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("review",), ("Add salt.",), ("",), ("A red card!",), ("Water the roses.",)]
        )
    found = tlzoo.suggest(run, table, n=10, text_column="review")
    assert sorted(each.item for each in found) == ["row:2", "row:4", "row:5"]
    with pytest.raises(DataError, match="no column"):
        tlzoo.suggest(run, table, text_column="text")


def test_files_of_texts(run, tmp_path):
    for number, text in enumerate(("Add salt.", "A red card!")):
        (tmp_path / f"{number}.txt").write_text(text)
    assert len(tlzoo.suggest(run, tmp_path, n=5)) == 2


def test_rows_with_wrong_labels_are_named(run, corpus, tmp_path):
    with corpus.open() as file:
        rows = list(csv.reader(file))
    labels = sorted({row[1] for row in rows[1:]})
    wrong = [5, 40, 80]
    for at in wrong:
        rows[at][1] = next(label for label in labels if label != rows[at][1])
    flipped = tmp_path / "flipped.csv"
    with flipped.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    found = tlzoo.clean(flipped, run=run)
    assert all("row:" in each.item for each in found.suspects)
    assert found.backbone == "tiny_text"
    named = {int(each.item.rpartition(":")[2]) for each in found.suspects}
    assert len(named & {at + 1 for at in wrong}) >= 1

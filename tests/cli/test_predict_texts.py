"""`tlzoo train`, `plan`, `export` and `predict` on texts, as their users type them."""

import csv
import json

import pytest

from tests.tiny_texts import CORPUS
from tlzoo.cli.main import main

pytestmark = pytest.mark.usefixtures("tiny_text")


@pytest.fixture(scope="module")
def run(tiny_text, corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    words = ["--backbone", tiny_text, "--engine", "graph", "--set", "epochs=10", "--quiet"]
    assert main(["train", str(corpus), *words, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "talk"
    assert main(["export", str(run), str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def photos_bundle(tiny_text, digits, tmp_path_factory):
    import tlzoo

    folder = tmp_path_factory.mktemp("photos")
    run = tlzoo.train(digits, backbone="tiny", out=folder / "run", epochs=2, engine="graph")
    run.export(folder / "bundle")
    return folder / "bundle"


def test_plan_says_what_of_a_text_is_seen(said, corpus):
    words = ("--backbone", "tiny_text", "--recipe", "fine_tune")
    code, out, _ = said("plan", corpus, *words, "--set", "long_text=chunks")
    assert code == 0
    assert "texts of up to 40 tokens, chunks" in out
    assert "phase tune: 8 epochs of tokens" in out
    code, _, err = said("plan", corpus, *words, "--set", "crop=0.5")
    assert code == 2
    assert "tiny_text takes texts; crop says nothing about those" in err


@pytest.mark.slow
def test_export_says_how_texts_are_asked_about(said, run, tmp_path):
    code, out, _ = said("export", run, tmp_path / "talk", "-q")
    assert code == 0
    assert f'next       tlzoo predict {tmp_path}/talk --text "…"' in out
    assert "4 texts, largest difference" in out
    assert "signatures classify, features, serving_default, tokens" in out


@pytest.mark.slow
def test_texts_typed(said, bundle):
    code, out, err = said(
        "predict", bundle, "--text", "Add salt to the soup.", "--text", "A red card!", "-q", "--json"
    )
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert set(answer) == {"bundle", "items", "errors", "csv", "predictions"}
    assert (answer["items"], answer["errors"]) == (2, 0)
    assert [one["item"] for one in answer["predictions"]] == ["text:0", "text:1"]
    assert set(answer["predictions"][0]) == {"item", "label", "score", "probabilities", "error"}
    code, out, _ = said("predict", bundle, "--text", "Add salt to the soup.", "-q")
    assert code == 0
    assert out.startswith("text:0: ")


def test_documents_and_folders_of_them(said, bundle, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("Add salt to the soup.")
    (tmp_path / "notes" / "b.txt").write_text(
        "Füße auf dem Rasen, naïve Gedanken im Kopf.", encoding="utf-16"
    )
    (tmp_path / "c.txt").write_text("A red card!")
    words = (tmp_path / "notes", tmp_path / "c.txt", tmp_path / "missing.txt", "--json", "-q", "--top", 1)
    code, out, _ = said("predict", bundle, *words)
    answer = json.loads(out)
    assert (code, answer["items"], answer["errors"]) == (0, 4, 1)
    names = [one["item"] for one in answer["predictions"]]
    assert names == [str(tmp_path / name) for name in ("notes/a.txt", "notes/b.txt", "c.txt", "missing.txt")]
    assert "No such file" in answer["predictions"][3]["error"]
    assert all(len(one["probabilities"]) == 1 for one in answer["predictions"][:3])


def test_a_table_by_rows_into_a_table(said, bundle, corpus, tmp_path):
    out_file = tmp_path / "out.csv"
    code, _, _ = said("predict", bundle, corpus, "--csv", out_file, "-q")
    with out_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert code == 0
    assert [row["item"] for row in rows] == [f"row:{at + 2}" for at in range(len(CORPUS))]
    assert set(rows[0]) == {"item", "label", "score", "cooking", "football", "garden", "error"}
    right = [row["label"] == label for row, (_, label) in zip(rows, CORPUS, strict=True)]
    assert sum(right) > 0.6 * len(right)


def test_a_table_of_another_encoding_column_and_entities(said, bundle, tmp_path):
    path = tmp_path / "new.tsv"
    path.write_text("n\treview\n1\tsoup &amp; salt\n2\tsoup & salt\n3\n", encoding="utf-16-le")
    words = ("--text-column", "review", "--encoding", "utf-16-le", "--json", "-q")
    _, out, _ = said("predict", bundle, path, *words, "--unescape-html")
    first, second, third = json.loads(out)["predictions"]
    assert first["probabilities"] == pytest.approx(second["probabilities"], abs=1e-6)
    assert "row 4: 1 cells, and the header has 2" in third["error"]
    _, out, _ = said("predict", bundle, path, *words)
    plain = json.loads(out)["predictions"]
    assert plain[0]["probabilities"] != pytest.approx(plain[1]["probabilities"], abs=1e-6)


def test_rows_of_several_tables_are_told_apart(said, bundle, tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text\nsoup\n")
    _, out, _ = said("predict", bundle, tmp_path / "a.csv", tmp_path / "b.csv", "--json", "-q")
    names = [one["item"] for one in json.loads(out)["predictions"]]
    assert names == [f"{tmp_path}/a.csv, row:2", f"{tmp_path}/b.csv, row:2"]


def test_slips_are_answered(said, bundle, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    for words, code, text in (
        ((), 2, "nothing to ask"),
        ((tmp_path / "t.csv",), 3, "has no column 'text'; it has 'a', 'b'"),
        (("--text", "x", "--encoding", "utf-17"), 2, "no encoding 'utf-17'"),
        (("--txt", "x"), 2, "--text"),
    ):
        try:
            got, _, err = said("predict", bundle, *words, "-q")
        except SystemExit as stop:
            got, err = stop.code, text
        assert got == code
        assert text in err


def test_nothing_that_can_be_read_is_a_failure(said, bundle, tmp_path):
    code, out, _ = said("predict", bundle, tmp_path / "missing.txt", "-q")
    assert code == 3
    assert "1 of 1 could not be read" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("--text", "x"), ("--text-column", "x"), ("--encoding", "utf-8"), ("--unescape-html",)]
)
def test_options_of_texts_are_refused_for_images(said, photos_bundle, words, tmp_path):
    code, out, err = said("predict", photos_bundle, tmp_path, *words, "-q")
    assert (code, out) == (2, "")
    assert f"{words[0]}, and '{photos_bundle}' takes images" in err
    assert f"Leave out {words[0]}" in err


def test_no_images_is_nothing_to_ask_about(said, photos_bundle):
    code, _, err = said("predict", photos_bundle, "-q")
    assert code == 2
    assert "allowed: images, or folders of them." in err

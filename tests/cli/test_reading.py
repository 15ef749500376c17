"""Options that say how data is read, as their users type them."""

import csv
import json

import pytest

from tlzoo.cli.main import build_parser
from tlzoo.cli.reading import reading
from tlzoo.cli.runs import request_of
from tlzoo.workflows.inputs import data_words

WORDS = ["--text-column", "review", "--label-column", "stars", "--encoding", "utf-16", "--unescape-html"]
ASKED = {"text_column": "review", "label_column": "stars", "encoding": "utf-16", "unescape_html": True}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "reviews.csv"
    with path.open("w", encoding="utf-16", newline="") as file:
        rows = [(f"Tom &amp; Jerry, part {at}", "ab"[at % 2], at) for at in range(24)]
        csv.writer(file).writerows([("review", "stars", "number"), *rows])
    return path


@pytest.mark.parametrize(
    "words",
    [["train", "x.csv"], ["plan", "x.csv"], ["evaluate", "runs/a", "x.csv"], ["data", "check", "x.csv"]],
)
def test_every_command_that_reads_data_takes_them(words):
    assert reading(build_parser().parse_args([*words, *WORDS])) == ASKED
    assert reading(build_parser().parse_args(words)) == {}
    given = [*words, "--no-unescape-html", "--modality", "text", "--data-option", "target=condition"]
    asked = reading(build_parser().parse_args([*given, "--split-column", "s", "--group-column", "g"]))
    assert asked == {
        "unescape_html": False,
        "modality": "text",
        "target": "condition",
        "split_column": "s",
        "group_column": "g",
    }


def test_runs_are_asked_for_the_same():
    request = request_of(build_parser().parse_args(["train", "x.csv", *WORDS, "--on-broken", "skip"]))
    assert request.data_options == {"on_broken": "skip", **ASKED}


def test_the_words_ask_for_the_same_again():
    options = {**ASKED, "modality": "text", "target": "condition", "unescape_html": False}
    assert reading(build_parser().parse_args(["train", "x.csv", *data_words(options)])) == options
    columns = {"path": "p", "label": "b"}
    assert data_words({"columns": columns, "on_broken": 0.5}) == ["--label-column", "b", "--on-broken", "0.5"]


def test_check_of_texts(run, table, cache):
    said = run("data", "check", str(table), *WORDS, "-q")
    assert (said.code, said.err) == (0, "")
    for piece in (
        "texts       24 in 2 classes",
        "characters  19 … 20 … 20 … 20 (shortest",
        "encodings   utf-16 1",
        "entities    in 0.0% of the texts",
        "a         12",
        "24 texts of 2 classes; nothing is wrong with them.",
    ):
        assert piece in said.out
    found = json.loads(run("data", "check", str(table), *WORDS[:4], "--json").out)
    assert found["modality"] == "text"
    assert found["html_entities"] == 1
    assert {"duplicates", "near_duplicates", "leaks", "conflicts", "empty", "words"} <= found.keys()


def test_check_says_which_columns_there_are(run, table, cache):
    said = run("data", "check", str(table), "--text-column", "revew", "-q")
    assert said.code == 3
    assert "it has 'review', 'stars', 'number'" in said.err


def test_modalities_and_encodings_are_known(run, table, cache):
    assert "Did you mean 'text'?" in run("data", "check", str(table), "--modality", "txt").err
    assert "no encoding 'utf-17'" in run("data", "check", str(table), "--encoding", "utf-17").err

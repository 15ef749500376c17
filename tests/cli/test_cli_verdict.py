"""`tlzoo verdict` as its users type it."""

import json

import pytest

from tlzoo.cli.main import main

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]
WORDS = ("--seeds", "2", "--sizes", "50,100", "--epochs", "2", "-q")


@pytest.fixture(scope="module")
def first(tiny, photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    words = ["train", str(photos), "--backbone", "tiny", "--out", str(out), "--set", "epochs=5", "-q"]
    assert main(words) == 0
    return out


def test_people_read_a_word_a_table_and_where_the_report_is(run, first):
    said = run("verdict", str(first), *WORDS)
    assert said.code == 0
    for word in ("run", "scratch", "majority", "gain over scratch", "examples", "50%", "report.html"):
        assert word in said.out
    assert said.out.startswith(("Positive transfer: ", "Neutral: ", "Negative transfer: "))


def test_programs_read_json(run, first):
    said = run("verdict", str(first), *WORDS, "--json")
    told = json.loads(said.out)
    assert told["word"] in ("positive", "neutral", "negative")
    assert {row["name"] for row in told["rows"]} >= {"run", "scratch", "majority"}
    assert told["gain"]["low"] <= told["gain"]["estimate"] <= told["gain"]["high"]
    assert [point["share"] for point in told["curve"]] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--sizes", "ten"), "no list of percentages"),
        (("--seeds", "1"), "luck"),
        (("--budget", "never"), "no span of time"),
        (("--sizes", "0,50"), "training split"),
    ],
)
def test_what_makes_no_sense_is_explained(run, first, words, told):
    said = run("verdict", str(first), *words)
    assert said.code == 2
    assert told in said.err


def test_a_folder_that_is_no_run(run, tmp_path):
    said = run("verdict", str(tmp_path))
    assert said.code != 0
    assert "no run folder" in said.err

"""`tlzoo rank`, as users type it."""

from __future__ import annotations

import csv

import pytest

pytestmark = pytest.mark.usefixtures("tiny_text")


def test_people_read_a_table_and_a_recommendation(run, corpus):
    said = run("rank", str(corpus), "--engine", "graph", "--quiet")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].split() == [
        *("backbone", "probe", "95%", "ranks", "LogME", "H", "k-NN", "GBC", "LEEP", "NCE"),
        *("weights", "s/1,000", "bundle"),
    ]
    assert lines[1].startswith("1*  tiny_")
    best = lines[1].split()[1]
    assert f"{best} suits talk best" in said.out
    assert "were not looked at" in said.out
    assert lines[-1].startswith("next    tlzoo train ")
    assert f"--backbone {best} --seed 0" in lines[-1]


def test_programs_read_json_and_files(run, corpus, tmp_path):
    words = ("--csv", str(tmp_path / "ranks.csv"), "--tensorboard", str(tmp_path / "board"), "--json")
    said = run("rank", str(corpus), "--engine", "graph", *words)
    assert said.code == 0, said.err
    values = said.json
    assert {row["backbone"] for row in values["backbones"]} == {"tiny_text", "tiny_strings"}
    assert values["backbones"][0]["backbone"] == values["best"]
    assert values["backbones"][0]["leep"] is None
    assert set(values["within_noise_of_best"]) <= {"tiny_text", "tiny_strings"}
    assert values["measure"] == "accuracy"
    with (tmp_path / "ranks.csv").open(encoding="utf-8") as file:
        assert next(csv.DictReader(file))["backbone"] == values["best"]
    assert {path.name for path in (tmp_path / "board").iterdir()} > {"recommendation"}


def test_backbones_and_lengths_can_be_chosen(run, corpus):
    said = run(
        "rank", str(corpus), "--engine", "graph", "--backbones", "tiny_text", "--length", "8,40", "--json"
    )
    assert {row["backbone"] for row in said.json["backbones"]} == {"tiny_text@8", "tiny_text@40"}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("none.csv",), 2, "none.csv"),
        (("CORPUS", "--backbones", "tiny_texts"), 2, "Did you mean 'tiny_text'"),
        (("CORPUS", "--backbones", "tiny"), 2, "takes images"),
        (("CORPUS", "--size", "64"), 2, "size says nothing"),
        (("CORPUS", "--length", "eight"), 2, "is no list of counts"),
        (("CORPUS", "--length", "0"), 2, "is no list of counts"),
        (("CORPUS", "--most", "1"), 2, "most=1"),
        (("CORPUS", "--all", "--backbones", "tiny"), 2, "not allowed with"),
    ],
)
def test_mistakes_have_exit_codes(run, corpus, words, code, says):
    said = run("rank", *(str(corpus) if word == "CORPUS" else word for word in words))
    assert (said.code, says in said.err) == (code, True), said.err


def test_without_a_backbone_at_hand_it_says_how_to_get_one(run, corpus, tmp_path, monkeypatch):
    for kind in ("backbones", "datasets"):
        (tmp_path / kind).mkdir()
    monkeypatch.setenv("TLZOO_ZOO", str(tmp_path))
    said = run("rank", str(corpus))
    assert said.code == 2
    assert "No backbone for texts is at hand" in said.err
    assert "tlzoo fetch" in said.err

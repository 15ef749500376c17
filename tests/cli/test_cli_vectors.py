"""`tlzoo train-vectors`, as users type it."""

from __future__ import annotations

import pytest


def test_training_listing_and_showing(run, zoo, tmp_path, monkeypatch):
    pytest.importorskip("gensim")
    monkeypatch.setenv("TLZOO_USER_ZOO", str(tmp_path / "own"))
    (tmp_path / "mails.csv").write_text("body\n" + "a word and a word again\n" * 30)
    words = ("--text-column", "body", "--name", "mine", "--size", "4", "--epochs", "1")
    said = run("train-vectors", str(tmp_path / "mails.csv"), *words, "--json")
    assert said.code == 0, said.err
    assert said.json["words"] == 4
    assert said.json["out_of_vocabulary"] == 0.0
    assert said.json["card"] == str(tmp_path / "own" / "backbones" / "mine.toml")
    listed = run("list", "--modality", "text", "--json").json
    assert [(card["name"], card["at_hand"]) for card in listed["backbones"]] == [("mine", True)]
    assert (
        run("show", "mine", "--json").json["locator"] == f"file:{tmp_path / 'own' / 'vectors' / 'mine.bin'}"
    )
    again = run("train-vectors", str(tmp_path / "mails.csv"), *words)
    assert again.code == 2
    assert "There is a backbone or data set 'mine' already" in again.err


def test_people_read_what_to_do_next(run, zoo, tmp_path, monkeypatch):
    pytest.importorskip("gensim")
    monkeypatch.setenv("TLZOO_USER_ZOO", str(tmp_path / "own"))
    (tmp_path / "notes.txt").write_text("a word and a word again\n" * 30)
    said = run("train-vectors", str(tmp_path / "notes.txt"), "--epochs", "1", "--quiet")
    assert "4 words of 100 numbers from 180 words read (0.0% of them too rare for a vector)" in said.out
    assert "next     tlzoo train labelled.csv --backbone notes" in said.out


@pytest.mark.parametrize(("words", "code"), [(("none.txt",), 3), (("none.txt", "--size", "0"), 2)])
def test_mistakes_have_exit_codes(run, zoo, words, code):
    pytest.importorskip("gensim")
    assert run("train-vectors", *words).code == code

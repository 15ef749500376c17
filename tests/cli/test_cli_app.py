"""`tlzoo app`: what there is, what each takes, and what is missing."""

from __future__ import annotations

import json
import sys

import pytest

from tlzoo.cli.main import main


def test_apps_are_listed_without_gradio(capsys):
    before = "gradio" in sys.modules
    assert main(["app"]) == 0
    assert "teach" in capsys.readouterr().out
    assert main(["app", "--json"]) == 0
    cards = {card["name"]: card for card in json.loads(capsys.readouterr().out)["apps"]}
    assert cards["teach"]["limits"]
    assert ("gradio" in sys.modules) == before


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["tech"], "Did you mean 'teach'"),
        (["teach", "--bundle", "x"], "app 'teach' on --bundle"),
        (["inspect"], "app 'inspect' on nothing"),
        (["zoo", "--text-column", "x"], "app 'zoo' on --text-column"),
        (["search", "--data", "MAILS", "--text-column", "male"], "no column 'male'; it has 'mail', 'kind'"),
        (["inspect", "--bundle", "nowhere"], "'nowhere' does not exist"),
    ],
)
def test_what_an_app_does_not_take_is_refused(capsys, words, what, tmp_path):
    (tmp_path / "mails.csv").write_text("mail,kind\nAdd salt.,a\nDig here.,b\n")
    words = [str(tmp_path / "mails.csv") if word == "MAILS" else word for word in words]
    assert main(["app", *words]) in (2, 3, 7)
    assert what in capsys.readouterr().err


def test_a_missing_gradio_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["app", "teach"]) == 2
    said = capsys.readouterr().err
    assert "apps need Gradio" in said
    assert "pip install 'tlzoo[apps]'" in said

"""`tlzoo adapt` and `tlzoo shift`, as their users type them."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("tiny")


def test_adapt_in_words_and_again_by_its_own_command(said, domains, tmp_path):
    out = tmp_path / "run"
    words = ("--backbone", "tiny", "--methods", "standardise,coral", "-q")
    code, text, _ = said(
        "adapt", "--source", domains / "bright", "--target", domains / "dim", "--out", out, *words
    )
    assert code == 0
    assert "source only" in text
    assert "recall digit 0" in text
    assert "chosen" in text
    assert f"tlzoo export {out}" in text
    command = json.loads((out / "config.json").read_text())["command"]
    assert command.startswith("tlzoo adapt --source")
    assert "--methods standardise,coral" in command


def test_adapt_without_labels_as_json(said, domains, tmp_path):
    code, text, _ = said(
        "adapt", "--source", domains / "bright", "--target", domains / "dim", "--target-labels", "none",
        "--backbone", "tiny", "--methods", "standardise", "--out", tmp_path / "run", "--json", "-q",
    )  # fmt: skip
    told = json.loads(text)
    assert code == 0
    assert told["target"]["labels"] is False
    assert {"run", "report", "seconds", "chosen", "ways", "distances", "label_shift"} <= told.keys()


def test_shift_in_words_and_as_json(said, domains):
    code, text, _ = said("shift", domains / "bright", domains / "dim", "--backbone", "tiny", "-q")
    assert code == 0
    assert "A-distance" in text
    assert "within bright" in text
    _, text, _ = said("shift", domains / "bright", domains / "dim", "--backbone", "tiny", "-q", "--json")
    assert json.loads(text)["verdict"] in ("near", "shifted", "far")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--methods", "self_trainin"), 2, "Did you mean 'self_training'"),
        (("--target-labels", "some"), 2, "invalid choice"),
        (("--backbone", "tinny"), 2, "Did you mean 'tiny'"),
    ],
)
def test_slips(said, domains, words, code, text):
    found, _, error = said("adapt", "--source", domains / "bright", "--target", domains / "dim", *words, "-q")
    assert found == code
    assert text in error

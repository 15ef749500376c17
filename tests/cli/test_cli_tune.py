"""`tune`, as its users type it."""

import json

import pytest

from tlzoo.cli.main import main

pytestmark = pytest.mark.usefixtures("tiny")


def words(photos, out, *more):
    given = [
        "--backbone",
        "tiny",
        "--recipe",
        "feature_extraction",
        "--set",
        "epochs=2",
        "--out",
        str(out),
        "-q",
    ]
    return ["tune", str(photos), *given, *more]


@pytest.mark.slow
def test_it_tells_the_trials_and_goes_on(photos, tmp_path, capsys):
    out = tmp_path / "search"
    assert main(words(photos, out, "--trials", "2", "--budget", "10m")) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0].split() == ["trial", "val", "loss", "val", "accuracy", "seconds", "rate"]
    assert "test accuracy" in told
    assert f"next    tlzoo export {out}" in told
    assert main(words(photos, out, "--trials", "3", "--json")) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["trial"] for row in sorted(answer["trials"], key=lambda row: row["trial"])] == [0, 1, 2]
    assert answer["test"]["n"] > 0
    assert answer["best"].startswith(str(out))


def test_a_budget_is_a_span_of_time(photos, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(words(photos, tmp_path / "search", "--budget", "soon"))
    assert "'soon' is no span of time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--trials", "0"], "0 trials"),
        (["--search", "l2"], "no option to search in recipe 'feature_extraction' 'l2'"),
    ],
)
def test_what_means_nothing_is_refused_in_words(photos, tmp_path, capsys, more, says):
    assert main(words(photos, tmp_path / "search", *more)) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "search").exists()

import argparse
import json
import sys

import numpy as np
import pytest

from tlzoo.cli import output
from tlzoo.cli.output import emit, progress, size, table


def arguments(**values):
    return argparse.Namespace(**{"json": False, "quiet": False, **values})


def test_text_is_for_people_and_json_for_machines(capsys):
    emit(arguments(), {"a": 1}, "one")
    assert capsys.readouterr().out == "one\n"
    emit(arguments(json=True), {"a": 1}, "one")
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_json_holds_whatever_commands_know(capsys, tmp_path):
    values = {
        "nan": float("nan"),
        "inf": np.float32("inf"),
        "array": np.array([[1, 2], [3, 4]]),
        "tuple": (1, "zwei", None, True),
        "path": tmp_path,
        3: {"ü": {1}},
    }
    emit(arguments(json=True), values, "")
    assert json.loads(capsys.readouterr().out) == {
        "nan": None,
        "inf": None,
        "array": [[1, 2], [3, 4]],
        "tuple": [1, "zwei", None, True],
        "path": str(tmp_path),
        "3": {"ü": [1]},
    }


def test_tables_align():
    assert table(["name", "n"], [["a", "10"], ["bcd", "9"]], right=[1]).splitlines() == [
        "name   n",
        "a     10",
        "bcd    9",
    ]
    assert table(["a", "b"], []) == "a  b"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (17364911, "17.4 MB"), (2e12, "2.0 TB")]
)
def test_sizes_are_short(count, text):
    assert size(count) == text


def test_quiet_gives_no_progress(capsys):
    with progress(arguments(quiet=True)) as tell:
        assert tell is None


def test_elsewhere_than_on_a_terminal_progress_is_lines(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    with progress(arguments()) as tell:
        tell(0, None, "looking")
        for second in range(12):
            now[0] = second
            tell(second, 10, "fetching")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["looking", "fetching 0%", "fetching 50%", "fetching 100%"]


def test_on_a_terminal_progress_is_a_bar_on_standard_error(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress(arguments()) as tell:
        tell(0, None, "fetching")
        tell(5, 10, "fetching")
        tell(1, 2, "unpacking")
    assert capsys.readouterr().out == ""

import getpass
import json

import pytest

from tlzoo.serving.rollout.history import History


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "deployments.jsonl")


def test_lines_say_when_who_where_and_what(history):
    history.append("deploy", version=3, source="zoë\nx")
    (line,) = history.lines()
    assert line.keys() == {"time", "action", "user", "host", "version", "source"}
    assert (line["action"], line["version"], line["source"]) == ("deploy", 3, "zoë\nx")
    assert line["time"].endswith("+00:00")
    assert len(history.path.read_bytes().splitlines()) == 1


def test_without_a_file_nothing_was_done(history):
    assert history.lines() == []
    assert history.versions() == set()


def test_torn_and_foreign_lines_are_passed_over_and_swallow_nothing(history):
    history.append("deploy", version=1)
    with history.path.open("ab") as file:
        file.write(b"\xff\n[1]\nnull\n" + b"[" * 100_000 + b'\n{"action": "depl')
    history.append("deploy", version=2)
    assert [line["version"] for line in history.lines()] == [1, 2]
    assert history.versions() == {1, 2}


@pytest.mark.parametrize("version", ["7", None, -1, 2.5, [7]])
def test_only_numbers_are_versions(history, version):
    history.path.write_text(json.dumps({"version": version}) + "\n")
    assert history.versions() == set()


def test_a_user_without_a_name_is_a_number(history, monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nameless)
    history.append("deploy", version=1)
    assert history.lines()[0]["user"].isdecimal()

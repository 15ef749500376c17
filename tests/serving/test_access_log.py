import json
import os
import stat
from types import SimpleNamespace

import pytest

from tlzoo.errors import UsageError
from tlzoo.protocol.status import Code
from tlzoo.serving import access_log as module
from tlzoo.serving.access_log import Access, AccessLog


@pytest.fixture
def path(tmp_path):
    return tmp_path / "access.jsonl"


def entries(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_line_a_request(path):
    log = AccessLog(str(path))
    log.write(
        Access("GRPC", "Predict", "/S/Predict", "m", "3", "s", Code.NOT_FOUND, 0, 10, 20, 0.0015, "::1")
    )
    log.write(Access("REST", "GET", "/v1/models/m", status=200))
    log.close()
    first, second = entries(path)
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "protocol": "GRPC",
        "method": "Predict",
        "path": "/S/Predict",
        "model": "m",
        "version": "3",
        "signature": "s",
        "code": "NOT_FOUND",
        "received": 10,
        "sent": 20,
        "milliseconds": 1.5,
        "client": "::1",
    }
    assert second["status"] == 200
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_exchange_by_rest_is_told(path):
    exchange = SimpleNamespace(
        method="POST",
        target="/v1/models/m:predict",
        model="m",
        version="7",
        code=Code.INVALID_ARGUMENT,
        status=400,
        received=12,
        body=b"123",
        client="127.0.0.1",
    )
    log = AccessLog(str(path))
    log.tell(exchange, 0.25)
    log.close()
    (entry,) = entries(path)
    assert (entry["path"], entry["status"], entry["code"]) == (
        "/v1/models/m:predict",
        400,
        "INVALID_ARGUMENT",
    )
    assert (entry["received"], entry["sent"], entry["milliseconds"]) == (12, 3, 250.0)


def test_nothing_a_caller_names_breaks_a_line(path):
    log = AccessLog(str(path))
    log.write(Access("REST", "GET", "/v1/models/a\n{}\udcff\u2028" + "x" * 10_000, 'm"\\'))
    log.close()
    assert path.read_bytes().count(b"\n") == 1
    (entry,) = entries(path)
    assert entry["path"].startswith("/v1/models/a\n{}")
    assert len(entry["path"]) == 500
    assert entry["model"] == 'm"\\'


def test_lines_are_added_to_what_is_there(path):
    path.write_text('{"before": 1}\n')
    log = AccessLog(str(path))
    log.write(Access("REST", "GET", "/"))
    log.close()
    assert len(entries(path)) == 2


def test_a_file_that_was_moved_away_is_opened_anew(path):
    log = AccessLog(str(path))
    log._append([b"1\n"])
    moved = path.rename(path.with_suffix(".1"))
    log._append([b"2\n"])
    path.unlink()
    log._append([b"3\n"])
    log.close()
    assert moved.read_text() == "1\n"
    assert path.read_text() == "3\n"


def test_a_full_disk_loses_lines_and_says_so(path, monkeypatch, caplog):
    log = AccessLog(str(path))

    def full(file, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_all", full)
        log._append([b"1\n", b"2\n"])
        log._append([b"3\n"])
    log._append([b"4\n"])
    log.close()
    notice, after = path.read_text().splitlines()
    assert json.loads(notice)["lost"] == 3
    assert after == "4"
    # Said once, not for every request.
    assert caplog.text.count("No space left on device") == 1


def test_a_disk_that_takes_half_gets_the_rest(path):
    log = AccessLog(str(path))
    taken = []

    def half(file, data):
        taken.append(bytes(data[: max(1, len(data) // 2)]))
        return len(taken[-1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", half)
        module._write_all(0, b"abcdefgh")
    log.close()
    assert b"".join(taken) == b"abcdefgh"


def test_a_dash_is_standard_error(capfd):
    log = AccessLog("-")
    log.write(Access("REST", "GET", "/v1/models/m"))
    log.close()
    assert json.loads(capfd.readouterr().err)["path"] == "/v1/models/m"


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(
        UsageError, match=r"cannot be opened: No such file or directory\. Allowed: a file .*--access-log"
    ):
        AccessLog(str(tmp_path / "nowhere" / "access.jsonl"))

"""Downloads from a server in the test: whole, resumed, damaged, cut short, refused."""

from __future__ import annotations

import hashlib
import http.server
import threading

import pytest

from tlzoo.cards import Checksum
from tlzoo.errors import ChecksumError, UnreachableError
from tlzoo.sources import download

CONTENT = bytes(range(256)) * 4096


class _Handler(http.server.BaseHTTPRequestHandler):
    ranges: list[str | None]
    cut: int | None
    understands_ranges = True

    def do_HEAD(self):
        self.send_error(405)

    def do_GET(self):
        self.ranges.append(self.headers.get("Range"))
        if self.path != "/file":
            return self.send_error(404)
        start = 0
        if self.headers.get("Range") and self.understands_ranges:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(CONTENT):
                return self.send_error(416)
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.cut])
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    handler = type("Handler", (_Handler,), {"ranges": [], "cut": None})
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    # The test server speaks plain HTTP; everything but the scheme is as in earnest.
    real = download.urllib.request.Request

    def plain(url, **options):
        return real(url.replace("https://", "http://"), **options)

    monkeypatch.setattr(download.urllib.request, "Request", plain)
    handler.url = f"https://127.0.0.1:{httpd.server_port}/file"
    yield handler
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def pin():
    return Checksum(file="w.h5", sha256=hashlib.sha256(CONTENT).hexdigest())


def test_a_file_arrives_whole_once(server, pin, tmp_path):
    told = []
    target = tmp_path / "models" / "w.h5"
    for _ in range(2):
        download.download(server.url, target, pin, lambda *step: told.append(step))
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert told[-1] == (len(CONTENT), len(CONTENT), "w.h5")
    assert [path.name for path in target.parent.glob(".*part")] == []


def test_an_interrupted_download_is_continued(server, pin, tmp_path):
    target = tmp_path / "w.h5"
    server.cut = 1000
    with pytest.raises(UnreachableError, match=r"closed|Incomplete"):
        download.download(server.url, target, pin)
    assert not target.exists()
    server.cut = None
    download.download(server.url, target, pin)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000-"]


def test_a_server_that_ignores_ranges_starts_again(server, pin, tmp_path):
    (tmp_path / ".w.h5.part").write_bytes(b"x" * 10)
    server.understands_ranges = False
    assert download.download(server.url, tmp_path / "w.h5", pin).read_bytes() == CONTENT


def test_a_part_that_was_complete_is_not_asked_for_again(server, pin, tmp_path):
    (tmp_path / ".w.h5.part").write_bytes(CONTENT)
    assert download.download(server.url, tmp_path / "w.h5", pin).read_bytes() == CONTENT


def test_other_bytes_are_refused_and_removed(server, tmp_path):
    pin = Checksum(file="w.h5", md5="0" * 32)
    with pytest.raises(ChecksumError):
        download.download(server.url, tmp_path / "w.h5", pin)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:9/file", "http://127.0.0.1:9/file", "https://no.invalid/f"]
)
def test_silence_is_an_error_that_names_the_address(url, pin, tmp_path):
    with pytest.raises(UnreachableError, match=url):
        download.download(url, tmp_path / "w.h5", pin)


def test_a_missing_file_is_an_error(server, pin, tmp_path):
    with pytest.raises(UnreachableError, match="HTTP 404"):
        download.download(server.url + "s", tmp_path / "w.h5", pin)


def test_any_answer_is_an_answer(server):
    download.require_answer(server.url)
    with pytest.raises(UnreachableError):
        download.require_answer("https://127.0.0.1:9/")

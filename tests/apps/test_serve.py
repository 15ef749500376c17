"""How apps are served: nothing beside the page, nothing too large, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.app_pages import free_port, served

ROOT = Path(__file__).resolve().parents[2]


def status(url, data=None, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers or {})) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def form(size):
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    return head + b"x" * size + b"\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.fixture(scope="module")
def page():
    with served("zoo") as (url, folder):
        yield url.rstrip("/"), folder


def test_no_file_outside_of_its_folder_is_served(page, tmp_path):
    url, folder = page
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    assert status(url) == 200
    for path in (secret, ROOT / "README.md", "/etc/hostname", f"{folder}/../{tmp_path.name}/secret.txt"):
        assert status(f"{url}/gradio_api/file={path}") in (403, 404)


def test_uploads_have_a_limit(page):
    url, folder = page
    assert status(f"{url}/gradio_api/upload", *form(1000)) == 200
    assert list(folder.rglob("a.png"))
    assert status(f"{url}/gradio_api/upload", *form(201_000_000)) == 413


def test_the_command_says_where_it_is_and_leaves_nothing_when_it_is_ended(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "tlzoo", "app", "zoo", "--port", str(port := free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as app:
        try:
            line = app.stdout.readline()
            assert f"http://127.0.0.1:{port}/" in line
            assert [each.name for each in tmp_path.glob("tlzoo-app-*")]
            assert status(f"http://127.0.0.1:{port}/") == 200
        finally:
            app.send_signal(signal.SIGTERM)
            app.wait(30)
    assert app.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_folder_is_put_back(tmp_path, monkeypatch):
    from apps.common.serve import temporary_folder

    before = tempfile.gettempdir()
    with temporary_folder() as folder:
        assert tempfile.gettempdir() == str(folder)
    assert not folder.exists()
    assert tempfile.gettempdir() == before

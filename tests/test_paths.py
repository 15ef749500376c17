import json
import math
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tlzoo import paths


def test_the_cache_follows_the_environment(monkeypatch):
    monkeypatch.setenv("TLZOO_CACHE", "~/mine")
    assert paths.cache_dir() == Path.home() / "mine"
    monkeypatch.delenv("TLZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert paths.cache_dir() == Path("/xdg/tlzoo")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert paths.cache_dir() == Path.home() / ".cache" / "tlzoo"


def test_the_zoo_follows_the_environment_and_is_found_by_itself(monkeypatch, tmp_path):
    monkeypatch.setenv("TLZOO_ZOO", str(tmp_path))
    assert paths.zoo_dir() == tmp_path
    monkeypatch.delenv("TLZOO_ZOO")
    assert (paths.zoo_dir() / "backbones").is_dir()


def test_the_shipped_zoo_wins_over_the_folder_beside_the_package(monkeypatch, tmp_path):
    monkeypatch.delenv("TLZOO_ZOO", raising=False)
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "tlzoo")
    assert paths.zoo_dir() == tmp_path / "zoo"
    (tmp_path / "tlzoo" / "_zoo").mkdir(parents=True)
    assert paths.zoo_dir() == tmp_path / "tlzoo" / "_zoo"


def test_files_appear_whole_with_ordinary_permissions(tmp_path):
    target = tmp_path / "new" / "a.bin"
    paths.write_bytes(target, b"one")
    paths.write_bytes(target, b"two")
    assert target.read_bytes() == b"two"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list(target.parent.iterdir()) == [target]


def test_text_and_json_round_trip(tmp_path):
    paths.write_text(tmp_path / "t", "Größe")
    assert (tmp_path / "t").read_text(encoding="utf-8") == "Größe"
    paths.write_json(tmp_path / "j", {"ä": [1, math.inf]})
    assert json.loads((tmp_path / "j").read_text(encoding="utf-8")) == {"ä": [1, math.inf]}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "a"
    paths.write_bytes(target, b"old")
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        paths.write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_reader_never_sees_half_a_file(tmp_path):
    """One process rewrites a file as fast as it can and is killed; every read in between is whole."""
    target = tmp_path / "state"
    paths.write_bytes(target, b"\x00" * 200_000)
    code = (
        "import itertools; from pathlib import Path; from tlzoo.paths import write_bytes\n"
        f"for n in itertools.count(): write_bytes(Path({str(target)!r}), bytes([n % 256]) * 200_000)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline, seen = time.monotonic() + 30, set()
        while len(seen) < 20 and time.monotonic() < deadline:
            content = target.read_bytes()
            assert len(content) == 200_000
            assert len(set(content)) == 1
            seen.add(content[0])
    finally:
        writer.kill()
        writer.wait()
    assert len(set(target.read_bytes())) == 1


def test_a_folder_appears_whole(tmp_path):
    target = tmp_path / "deep" / "folder"
    with paths.new_dir(target) as temporary:
        (temporary / "a").write_text("a")
        assert not target.exists()
        assert temporary.parent == target.parent
    assert (target / "a").read_text() == "a"
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), paths.new_dir(tmp_path / "folder") as temporary:
        (temporary / "none" / "a").write_text("a")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileExistsError), paths.new_dir(tmp_path / "folder") as temporary:
        (temporary / "a").write_text("a")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]

import os
import shutil
from types import SimpleNamespace

import pytest

from tests.serving.rollout.light import make
from tlzoo.errors import BundleError
from tlzoo.serving.rollout.copying import check_room, copy, digest_of, digests, listing


@pytest.fixture
def version(tmp_path):
    return make(tmp_path / "photos" / "1")


def test_a_copy_holds_the_same_files(version, tmp_path):
    (version / "assets" / "empty").mkdir()
    held = listing(version)
    copy(held, tmp_path / "copy")
    assert digests(listing(tmp_path / "copy")) == digests(held)
    assert (tmp_path / "copy" / "assets" / "empty").is_dir()
    assert held.bytes == sum(file.stat().st_size for file in version.rglob("*") if file.is_file())


def test_a_copy_can_be_read_by_servers_that_run_as_somebody_else(version, tmp_path):
    (version / "saved_model.pb").chmod(0o600)
    mask = os.umask(0o022)
    try:
        copy(listing(version), tmp_path / "copy")
    finally:
        os.umask(mask)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "copy").rglob("*")}
    assert modes == {0o755, 0o644}


def test_a_copy_shares_nothing_with_its_source(version, tmp_path):
    copy(listing(version), tmp_path / "copy")
    with (version / "saved_model.pb").open("r+b") as file:
        file.write(b"GRAPH")
    assert (tmp_path / "copy" / "saved_model.pb").read_bytes() == b"graph"


def test_every_file_and_folder_is_flushed_after_it_was_written(version, tmp_path, monkeypatch):
    flushed = []
    real = os.fsync

    def fsync(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        flushed.append((path, os.path.isdir(path) or os.stat(path).st_size))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    copy(listing(version), tmp_path / "copy")
    paths = list((tmp_path / "copy").rglob("*"))
    wanted = {(str(path), path.is_dir() or path.stat().st_size) for path in paths}
    assert set(flushed) == wanted | {(str(tmp_path / "copy"), True)}
    assert flushed[-1][0] == str(tmp_path / "copy")


def test_progress_counts_bytes_up_to_all_of_them(version, tmp_path):
    told = []
    held = listing(version)
    copy(held, tmp_path / "copy", lambda done, total, text: told.append((done, total, text)))
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][:2] == (held.bytes, held.bytes)
    assert told[0][2].startswith("Copying, ")


def test_a_link_to_a_file_of_the_bundle_is_copied_as_that_file(version, tmp_path):
    (version / "again.pb").symlink_to("saved_model.pb")
    copy(listing(version), tmp_path / "copy")
    assert not (tmp_path / "copy" / "again.pb").is_symlink()
    assert (tmp_path / "copy" / "again.pb").read_bytes() == b"graph"


def outside(version, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (version / "assets" / "words.txt").symlink_to(tmp_path / "secret")


def upwards(version, tmp_path):
    (version / "assets" / "all").symlink_to("../..")


def to_a_folder(version, tmp_path):
    (version / "more").symlink_to("assets")


def to_nothing(version, tmp_path):
    (version / "more").symlink_to("nothing")


def in_a_circle(version, tmp_path):
    (version / "more").symlink_to("more")


def a_pipe(version, tmp_path):
    os.mkfifo(version / "pipe")


@pytest.mark.parametrize("prepare", [outside, upwards, to_a_folder, to_nothing, in_a_circle, a_pipe])
def test_what_is_no_file_of_the_bundle_is_refused(version, tmp_path, prepare):
    prepare(version, tmp_path)
    with pytest.raises(BundleError, match=r"is a link to|is neither a file nor a folder") as caught:
        listing(version)
    assert caught.value.allowed
    assert "cp -rL" in caught.value.do


def test_a_file_that_becomes_a_link_is_not_followed(version, tmp_path):
    held = listing(version)
    (tmp_path / "secret").write_text("secret")
    (version / "saved_model.pb").unlink()
    (version / "saved_model.pb").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic link"):
        digests(held)
    with pytest.raises(OSError, match="symbolic link"):
        copy(held, tmp_path / "copy")


def test_room_is_looked_for_before_anything_is_written(version, tmp_path, monkeypatch):
    held = listing(version)
    check_room(held, tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=held.bytes))
    with pytest.raises(BundleError, match=rf"needs [\d,]+ bytes and .* has {held.bytes:,} left"):
        check_room(held, tmp_path)


def test_the_digest_of_a_folder_depends_on_names_and_contents_only():
    assert digest_of({"a": "1", "b": "2"}) == digest_of({"b": "2", "a": "1"})
    assert digest_of({"a": "1"}) != digest_of({"a": "2"})
    assert digest_of({"a": "1"}) != digest_of({"b": "1"})
    assert len(digest_of({"\udcff": "1"})) == 64

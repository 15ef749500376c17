import contextlib
import io
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlzoo.errors import SourceError
from tlzoo.sources.unpack import unpack_tar, unpack_zip


def archive_of(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def test_files_and_folders_are_unpacked(tmp_path):
    archive = archive_of(tmp_path / "a.zip", [("a/", ""), ("a/b.txt", "b"), ("c/d/e.bin", b"\x00" * 1000)])
    target = tmp_path / "out"
    target.mkdir()
    unpack_zip(archive, target)
    assert {p.relative_to(target).as_posix() for p in target.rglob("*")} == {
        "a",
        "a/b.txt",
        "c",
        "c/d",
        "c/d/e.bin",
    }
    assert (target / "c/d/e.bin").read_bytes() == b"\x00" * 1000


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["/a"], "outside"),
        (["../a"], "outside"),
        (["a/../../b"], "outside"),
        (["a\\b"], "outside"),
        (["C:a"], "outside"),
        (["a", "a"], "appears twice"),
        (["a", "a/b"], "cannot be unpacked"),
    ],
)
def test_unsafe_names_are_refused(tmp_path, names, text):
    (tmp_path / "out").mkdir()
    with pytest.raises(SourceError, match=text):
        unpack_zip(archive_of(tmp_path / "a.zip", [(name, "x") for name in names]), tmp_path / "out")


def test_the_limit_is_checked_before_anything_is_written(tmp_path):
    archive = archive_of(tmp_path / "a.zip", [("a", "x"), ("b", b"\0" * 5000)])
    (tmp_path / "out").mkdir()
    with pytest.raises(SourceError, match="would unpack to 5,001 bytes, more than the 5,000 "):
        unpack_zip(archive, tmp_path / "out", max_bytes=5000)
    assert list((tmp_path / "out").iterdir()) == []
    unpack_zip(archive, tmp_path / "out", max_bytes=5001)


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.zip").write_text("<html>proxy login</html>")
    with pytest.raises(SourceError, match="cannot be unpacked") as caught:
        unpack_zip(tmp_path / "a.zip", tmp_path)
    assert caught.value.allowed == "a plain zip archive of files."


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_archives_never_do_worse_than_source_errors(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(archive_of(folder / "a.zip", [("a/b", b"hello" * 20), ("c", b"")]).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "a.zip").write_bytes(bytes(content))
    (folder / "out").mkdir()
    with contextlib.suppress(SourceError):
        unpack_zip(folder / "a.zip", folder / "out")
    assert {p.name for p in folder.iterdir()} == {"a.zip", "out"}


def tar_of(path, files, kind=tarfile.REGTYPE):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.linkname = len(content), kind, "elsewhere"
            archive.addfile(entry, io.BytesIO(content))
    return path


def test_tars_are_unpacked(tmp_path):
    (tmp_path / "in" / "variables").mkdir(parents=True)
    (tmp_path / "in" / "saved_model.pb").write_bytes(b"x" * 1000)
    (tmp_path / "in" / "variables" / "index").write_bytes(b"")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "in", arcname="./")
    (tmp_path / "out").mkdir()
    unpack_tar(tmp_path / "a.tar.gz", tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")}
    assert found == {"saved_model.pb", "variables", "variables/index"}
    assert (tmp_path / "out" / "saved_model.pb").read_bytes() == b"x" * 1000


@pytest.mark.parametrize(
    ("names", "kind", "text"),
    [
        (["/a"], tarfile.REGTYPE, "outside"),
        (["./../a"], tarfile.REGTYPE, "outside"),
        (["a/../../b"], tarfile.REGTYPE, "outside"),
        (["a\\b"], tarfile.REGTYPE, "outside"),
        (["a", "./a"], tarfile.REGTYPE, "appears twice"),
        (["a", "a/b"], tarfile.REGTYPE, "cannot be unpacked"),
        (["a"], tarfile.SYMTYPE, "a link or a device"),
        (["a"], tarfile.LNKTYPE, "a link or a device"),
        (["a"], tarfile.FIFOTYPE, "a link or a device"),
    ],
)
def test_unsafe_tars_are_refused(tmp_path, names, kind, text):
    (tmp_path / "out").mkdir()
    archive = tar_of(
        tmp_path / "a.tar.gz", [(name, b"x" if kind == tarfile.REGTYPE else b"") for name in names], kind
    )
    with pytest.raises(SourceError, match=text) as caught:
        unpack_tar(archive, tmp_path / "out")
    assert caught.value.allowed == "a plain tar.gz archive of files."
    assert not (tmp_path / "b").exists()


def test_a_tar_that_grows_too_large_stops_before_the_entry_that_does(tmp_path):
    archive = tar_of(tmp_path / "a.tar.gz", [("a", b"x"), ("b", b"\0" * 5000)])
    (tmp_path / "out").mkdir()
    with pytest.raises(SourceError, match="would unpack to 5,001 bytes, more than the 5,000 "):
        unpack_tar(archive, tmp_path / "out", max_bytes=5000)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_tars_never_do_worse_than_source_errors(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(tar_of(folder / "a.tar.gz", [("a/b", b"hello" * 20), ("c", b"")]).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "a.tar.gz").write_bytes(bytes(content))
    (folder / "out").mkdir()
    with contextlib.suppress(SourceError):
        unpack_tar(folder / "a.tar.gz", folder / "out")
    assert {p.name for p in folder.iterdir()} == {"a.tar.gz", "out"}

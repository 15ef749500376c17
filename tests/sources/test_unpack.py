import contextlib
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlzoo.errors import SourceError
from tlzoo.sources.unpack import unpack_zip


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

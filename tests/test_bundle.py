import subprocess
import sys

import pytest

from tlzoo.bundle import (
    BundleFacts,
    ParityFacts,
    checksums,
    next_version,
    read_bundle,
    rolled_back,
    sha256_of,
    versions,
    write_facts,
    write_labels,
)
from tlzoo.errors import BundleError


def facts(**changes):
    given = {
        "name": "photos",
        "created": "2026-01-01T00:00:00+00:00",
        "tlzoo_version": "0.1.0",
        "keras_version": "3.15.1",
        "tensorflow_version": "2.21.0",
        "min_serving_version": "2.21.0",
        "class_names": ("cat", "dog"),
        "temperature": 1.5,
        "size": (224, 224),
        "resize": "stretch",
        "signatures": {},
        "backbone": "tiny",
        "card": {"name": "tiny"},
        "parity": ParityFacts(checked=(), max_difference=0.0, tolerance=1e-4, n=1, passed=True),
        "checksums": {"saved_model.pb": sha256_of(b"graph")},
    }
    return BundleFacts(**{**given, **changes})


def version(directory, number, **changes):
    folder = directory / str(number)
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    write_facts(folder, facts(**changes))
    return folder


def test_facts_survive_json():
    assert BundleFacts.model_validate_json(facts().model_dump_json()) == facts()


def test_the_newest_version_is_read_by_number(tmp_path):
    for number in (2, 10, 9):
        version(tmp_path, number, name=f"v{number}")
    folder, found = read_bundle(tmp_path)
    assert (folder.name, found.name) == ("10", "v10")
    assert read_bundle(tmp_path / "9")[1].name == "v9"


def test_a_newer_version_without_description_is_passed_over(tmp_path):
    version(tmp_path, 1)
    (tmp_path / "2").mkdir()
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "saved_model.pb").touch()
    assert read_bundle(tmp_path)[0].name == "1"


def test_versions_count_as_the_server_counts_them(tmp_path):
    for name in ("1", "007", "-3", "1.5", "v2", ".export-x", "99999999999999999999", "٣"):
        (tmp_path / name).mkdir()
    (tmp_path / "8").touch()
    assert [number for number, _ in versions(tmp_path)] == [7, 1]
    assert next_version(tmp_path) == 8
    for name in ("9.rolled-back", "x.rolled-back", "٣.rolled-back"):
        (tmp_path / name).mkdir()
    (tmp_path / "11.rolled-back").touch()
    assert rolled_back(tmp_path) == {9: tmp_path / "9.rolled-back"}
    assert next_version(tmp_path) == 10
    assert rolled_back(tmp_path / "missing") == {}
    assert next_version(tmp_path / "missing") == 1


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (lambda d: None, "does not exist"),
        (lambda d: d.mkdir(), "no numbered version"),
        (lambda d: (d / "1").mkdir(parents=True), "no saved_model.pb"),
        (
            lambda d: [(d / "1").mkdir(parents=True), (d / "1/saved_model.pb").touch()],
            "not exported by tlzoo",
        ),
        (
            lambda d: (version(d, 1) / "assets.extra/bundle.json").write_text("{"),
            "the whole file: Invalid JSON",
        ),
        (lambda d: (version(d, 1) / "assets.extra/bundle.json").write_text("{}"), "name: Field required"),
        (lambda d: version(d, 1, format_version=2), "format version 2"),
    ],
)
def test_what_is_no_bundle_is_said_with_three_facts(tmp_path, prepare, text):
    prepare(tmp_path / "photos")
    with pytest.raises(BundleError, match=text) as caught:
        read_bundle(tmp_path / "photos")
    assert caught.value.allowed
    assert caught.value.do


def test_checksums_are_verified_on_request(tmp_path):
    folder = version(tmp_path, 1)
    read_bundle(tmp_path, verify=True)
    (folder / "saved_model.pb").write_bytes(b"other")
    read_bundle(tmp_path)
    with pytest.raises(BundleError, match=r"saved_model.pb' has sha256 .*as exported"):
        read_bundle(tmp_path, verify=True)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "variables/../../secret"])
def test_checksums_cannot_reach_outside(tmp_path, name):
    sums = {"saved_model.pb": sha256_of(b"graph"), name: "0" * 64}
    version(tmp_path, 1, checksums=sums)
    with pytest.raises(BundleError, match="outside of the bundle"):
        read_bundle(tmp_path, verify=True)


def test_missing_files_and_missing_checksums_are_noticed(tmp_path):
    sums = {"saved_model.pb": sha256_of(b"graph"), "variables/variables.index": "0" * 64}
    version(tmp_path, 1, checksums=sums)
    with pytest.raises(BundleError, match=r"variables.index' is missing"):
        read_bundle(tmp_path, verify=True)
    version(tmp_path, 2, checksums={})
    with pytest.raises(BundleError, match=r"no checksum for saved_model.pb"):
        read_bundle(tmp_path, verify=True)


def test_checksums_leave_the_description_out(tmp_path):
    folder = version(tmp_path, 1)
    write_labels(folder, ["a"])
    assert set(checksums(folder)) == {"saved_model.pb", "assets.extra/labels.txt"}


def test_each_label_is_one_line(tmp_path):
    write_labels(tmp_path, ["zoë 漢字", "two\nlines", "back\\slash", "line\u2028end", "bell\x07", 'q"'])
    text = (tmp_path / "assets.extra" / "labels.txt").read_text("utf-8")
    assert text.splitlines() == [
        "zoë 漢字",
        r"two\nlines",
        r"back\\slash",
        r"line\u2028end",
        r"bell\x07",
        'q"',
    ]
    assert text.endswith("\n")


def test_reading_a_bundle_needs_no_tensorflow():
    code = "import sys, tlzoo.bundle; sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

import hashlib

import pytest

from tlzoo.cards import Checksum
from tlzoo.errors import ChecksumError
from tlzoo.sources.verify import check_file, damaged, sha256_of

CONTENT = b"weights"
ZEROS, SHA256, MD5 = "0" * 64, hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "w.bin"
    path.write_bytes(CONTENT)
    return path


def test_digests_are_those_of_hashlib(file):
    assert sha256_of(file) == SHA256


@pytest.mark.parametrize(
    "pinned", [{"sha256": SHA256}, {"md5": MD5}, {"sha256": SHA256, "md5": ZEROS[:32]}, {}]
)
def test_pinned_bytes_pass(file, pinned):
    check_file(file, Checksum(file="w.bin", **pinned))


@pytest.mark.parametrize("pinned", [{"sha256": ZEROS}, {"md5": ZEROS[:32]}, {"sha256": ZEROS, "md5": MD5}])
def test_other_bytes_raise_with_both_digests(file, pinned):
    with pytest.raises(ChecksumError, match=r"w\.bin has (sha256|md5) [0-9a-f]+\.") as caught:
        check_file(file, Checksum(file="w.bin", **pinned))
    assert "0" * 32 in caught.value.allowed
    assert "Fetch it again" in caught.value.do


def test_a_missing_file_raises(tmp_path):
    with pytest.raises(ChecksumError, match=r"w\.bin is missing") as caught:
        check_file(tmp_path / "w.bin", Checksum(file="w.bin", sha256=SHA256))
    assert caught.value.allowed == "the pinned file w.bin."


def test_records_name_the_first_file_that_differs(file, tmp_path, wheels):
    record = tmp_path / "RECORD"
    record.write_text(f'w.bin,{wheels.digest(CONTENT)},7\n"RECORD",,\n__pycache__/x.pyc,sha256=x,1\n')
    assert damaged(tmp_path, record, hashes=True) is None
    file.write_bytes(b"Weights")
    assert damaged(tmp_path, record, hashes=False) is None  # same size: only the hash tells
    assert damaged(tmp_path, record, hashes=True) == "w.bin"
    file.write_bytes(b"more weights")
    assert damaged(tmp_path, record, hashes=False) == "w.bin"
    file.unlink()
    assert damaged(tmp_path, record, hashes=False) == "w.bin"

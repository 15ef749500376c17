"""One column of strings, read right or refused."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.parquets import Parquet, packed, plain, simple, snappy, varint
from tlzoo.errors import WeightsError
from tlzoo.sources import parquet
from tlzoo.sources import snappy as unpacking

WORDS = ["the", ",", "n't", "café", "", "中国"]


@pytest.fixture
def read(tmp_path):
    def read(data):
        (tmp_path / "v.parquet").write_bytes(data)
        return parquet.read_strings(tmp_path / "v.parquet")

    return read


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("parquet") / "v.parquet"


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("optional", [True, False])
def test_plain_pages(read, compress, optional):
    assert read(simple(WORDS, compress=compress, optional=optional)) == WORDS


def test_dictionary_pages_with_runs_and_packs_then_plain_ones(read):
    file = Parquet().dictionary(WORDS)
    file.values(b"\3" + packed([5, 0, 3, 1, 1, 2, 4, 0, 3], 3), 9, 8)
    file.values(b"\3" + varint(4 << 1) + b"\2" + packed([1], 3), 5, 2)
    file.values(plain(["new"]), 1, 0)
    chosen = [5, 0, 3, 1, 1, 2, 4, 0, 3, 2, 2, 2, 2, 1]
    assert read(file.whole()) == [*(WORDS[index] for index in chosen), "new"]


def test_a_dictionary_of_one_word_needs_no_bits(read):
    file = Parquet().dictionary(["a"]).values(b"\0" + varint(1 << 1 | 1), 3, 8)
    assert read(file.whole()) == ["a"] * 3


@given(words=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), compress=st.booleans())
def test_any_words_come_back(place, words, compress):
    place.write_bytes(simple(words, compress=compress))
    assert parquet.read_strings(place) == words


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_is_refused_or_read_but_never_breaks(place, at, byte, cut):
    data = bytearray(Parquet().dictionary(WORDS).values(b"\3" + packed([5, 0, 3, 1], 3), 4, 8).whole())
    at %= len(data)
    data[at] = byte
    place.write_bytes(data[:at] if cut else data)
    with contextlib.suppress(WeightsError):
        assert len(parquet.read_strings(place)) == 4


@given(data=st.binary(max_size=300))
def test_noise_is_refused(place, data):
    place.write_bytes(b"PAR1" + data + b"PAR1")
    with pytest.raises(WeightsError):
        parquet.read_strings(place)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"word 0.1 0.2\n", "does not begin and end as Parquet"),
        (lambda: Parquet().values(plain(["a"]), 1, 0).whole(columns=2), "2 columns"),
        (lambda: Parquet().values(plain(["a"]), 1, 0).whole(kind=1), "where one of strings"),
        (lambda: Parquet().values(plain(["a"]), 1, 0).whole(codec=6), "compression 6"),
        (lambda: Parquet().values(plain(["a"]), 1, 0).whole(rows=2), "1 values where 2"),
        (lambda: Parquet().values(plain(["a"]), 1, 5).whole(), "encoding 5"),
        (lambda: Parquet().values(plain(["a"]), 1, 0, varint(1 << 1) + b"\0").whole(), "a value is missing"),
        (lambda: Parquet().values(plain(["abc"])[:-1], 1, 0).whole(), "a string ends early"),
        (lambda: Parquet().dictionary(["a"]).values(b"\3" + packed([7], 3), 1, 8).whole(), "out of range"),
    ],
)
def test_what_is_wrong_is_said(read, make, says):
    with pytest.raises(WeightsError, match=says) as caught:
        read(make())
    assert caught.value.allowed.startswith("a Parquet file of one column of strings")


def test_a_missing_file(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        parquet.read_strings(tmp_path / "none.parquet")


@given(data=st.binary(max_size=2000), byte=st.binary(min_size=1, max_size=1), times=st.integers(0, 200))
def test_snappy_blocks_come_back(data, byte, times):
    whole = data + byte * times + data
    assert unpacking.unpack(snappy(whole), len(whole)) == whole


@pytest.mark.parametrize(
    ("block", "whole"),
    [
        (b"\x05\xf0\x04abcde", b"abcde"),  # length of a literal in a byte of its own
        (b"\x08\x0cabcd\x01\x04", b"abcdabcd"),  # copy with an offset of 11 bits
        (b"\x08\x0cabcd\x0f\x04\x00\x00\x00", b"abcdabcd"),  # of 32 bits
        (b"\x07\x04ab\x12\x02\x00", b"abababa"),  # copy of what it writes itself
    ],
)
def test_all_kinds_of_elements(block, whole):
    assert unpacking.unpack(block, 100) == whole


@pytest.mark.parametrize(
    "block", [b"", b"\x05\x0cabcd", b"\x03\x0cabcd", b"\x04\x00a\x01\x09", b"\x04\x00a\x01\x00", b"\xff" * 12]
)
def test_broken_blocks_are_refused(block):
    with pytest.raises((ValueError, IndexError)):
        unpacking.unpack(block, 1000)


def test_a_block_that_would_be_too_large_is_refused_before_it_is_unpacked():
    with pytest.raises(ValueError, match="a block of 1000 bytes"):
        unpacking.unpack(varint(1000), 999)


def test_the_vocabulary_of_glove(glove):
    words = parquet.read_strings(glove.with_name("glove_6B_index.parquet"))
    assert len(words) == len(set(words)) == 400_000
    # As pyarrow 26 reads it.
    assert (
        hashlib.sha256("\n".join(words).encode()).hexdigest().startswith("029a7168ebc71f71e23e1f6ae9496723")
    )

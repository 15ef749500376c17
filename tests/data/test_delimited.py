from __future__ import annotations

import csv
import io
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tlzoo.data.delimited import DELIMITERS, choose_delimiter, records
from tlzoo.errors import DataError

MESS = st.text(st.sampled_from('a",;\t\r\n x'), max_size=30)


def cells(text: str, delimiter: str = ",") -> list[list[str]]:
    return [row for _, row in records(text, delimiter, "the table")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("a,b", [["a", "b"]]),
        ("a,b\n", [["a", "b"]]),
        ("a,\r\n\r\n,b\r", [["a", ""], [], ["", "b"]]),
        ('"a ""b"" c","x\r\ny"\n', [['a "b" c', "x\r\ny"]]),
        ('""\n', [[""]]),
        ('5" screen,"a"b\n', [['5" screen', "ab"]]),
        ("a\0b,😀\n", [["a\0b", "😀"]]),
        ("a\u2028b\x85c,d\n", [["a\u2028b\x85c", "d"]]),
    ],
)
def test_records(text: str, found: list[list[str]]) -> None:
    assert cells(text) == found


def test_records_are_numbered_and_lines_are_not() -> None:
    text = 'a,b\n"1\n2\n3",x\n\nc,d\n'
    assert [number for number, _ in records(text, ",", "t")] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "row"), [('a,b\nc,"d\ne,f\n', 2), ('"', 1), ('a\n\n"b ""\n', 3), ('a,b\n1,"it ""is""\n', 2)]
)
def test_an_open_quote_is_named_where_it_opened(text: str, row: int) -> None:
    with pytest.raises(DataError, match=rf"the table, row {row}: a quote is opened") as caught:
        cells(text)
    assert caught.value.allowed
    assert caught.value.do


def test_cells_may_be_longer_than_the_readers_of_python_allow() -> None:
    limit = csv.field_size_limit()
    long = "x" * (limit + 1)
    assert cells(f'"{long}",{long}\n') == [[long, long]]
    assert csv.field_size_limit() == limit


@settings(max_examples=500, deadline=None)
@given(text=MESS, delimiter=st.sampled_from(DELIMITERS))
@example('""', ",")
@example('x\r"\r",\r\r""\r,', ",")
def test_all_but_open_quotes_is_read_as_python_reads_it(text: str, delimiter: str) -> None:
    try:
        found = cells(text, delimiter)
    except DataError:
        assert text.count('"')
        return
    assert found == list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1), min_size=1),
    delimiter=st.sampled_from(DELIMITERS),
    style=st.sampled_from(
        # Without CR in its line ends, Python's writer leaves a CR in a cell bare, where no reader tells it from an end.
        [("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]
    ),
)
def test_whatever_is_written_is_read(rows: list[list[str]], delimiter: str, style: tuple[str, int]) -> None:
    ending, quoting = style
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerows(rows)
    assert cells(buffer.getvalue(), delimiter) == rows


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n", ","),
        ("a;b;c,d\n1,2,3,4,5\n", ";"),
        ("\n\ntext\tlabel\n", "\t"),
        ('"a,b,c"|label\n', "|"),
        ("alone\n", ","),
        ("", ","),
    ],
)
def test_the_first_record_chooses_the_delimiter(text: str, delimiter: str) -> None:
    assert choose_delimiter(text) == delimiter


def test_a_suffix_breaks_a_tie() -> None:
    assert choose_delimiter("a\tb,c\n", ".tsv") == "\t"
    assert choose_delimiter("a\tb,c\n", ".csv") == ","


def test_a_hundred_thousand_records_take_seconds_at_most() -> None:
    text = ('some words here,"and ""quoted"" ' + "more " * 80 + '",label\n') * 100_000
    start = time.process_time()
    assert sum(1 for _ in records(text, ",", "t")) == 100_000
    assert time.process_time() - start < 4

"""Texts without labels, in every form, and what is wrong with them."""

from __future__ import annotations

import json

import pytest

from tlzoo.data.corpus import documents
from tlzoo.errors import DataError


def test_a_text_a_line(tmp_path):
    (tmp_path / "c.txt").write_bytes("\ufeffone, two\n\n  \nthrée\u2028four\nfive".encode())
    assert [text.rstrip("\n") for text in documents(tmp_path / "c.txt")] == [
        "one, two",
        "thrée\u2028four",
        "five",
    ]


def test_a_folder_in_a_fixed_order(tmp_path):
    (tmp_path / "b").mkdir()
    for name, text in {"c.txt": "3", "a.txt": "1", "b/x.txt": "2", "b/x.md": "no"}.items():
        (tmp_path / name).write_text(text)
    assert list(documents(tmp_path)) == ["1", "2", "3"]


def test_a_column_of_a_table(tmp_path):
    (tmp_path / "c.csv").write_text('label,text\na,"one\ntwo, three"\nb,\nc,four\n')
    assert list(documents(tmp_path / "c.csv")) == ["one\ntwo, three", "four"]
    assert list(documents(tmp_path / "c.csv", "label")) == ["a", "b", "c"]


def test_a_key_of_lines_of_json(tmp_path):
    lines = [json.dumps({"body": text}) for text in ("one", "zwéi")]
    (tmp_path / "c.jsonl").write_text("\n\n".join(lines))
    assert list(documents(tmp_path / "c.jsonl", "body")) == ["one", "zwéi"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("c.csv", b"a,b\n1,2\n", r"c\.csv', line 1: there is no text in 'text'"),
        ("c.csv", b"", r"line 1: there is no text in 'text'"),
        ("c.csv", b"text\n" + b"x" * 200_000, r"line 2: field larger"),
        ("c.jsonl", b'{"text": "a"}\n{"text"', r"c\.jsonl', line 2: "),
        ("c.jsonl", b'{"text": 3}', r"line 1: there is no text in 'text'"),
        ("c.jsonl", b"[1]", r"line 1: there is no text in 'text'"),
        ("c.txt", b"caf\xe9\n", "is not UTF-8"),
        ("c.csv", b"text\ncaf\xe9\n", "is not UTF-8"),
        ("c.pdf", b"%PDF", "is no corpus"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        list(documents(tmp_path / name))
    assert caught.value.allowed
    assert caught.value.do


def test_what_is_not_there(tmp_path):
    with pytest.raises(DataError, match="is not there"):
        documents(tmp_path / "none.txt")
    with pytest.raises(DataError, match=r"holds no \.txt file"):
        documents(tmp_path)

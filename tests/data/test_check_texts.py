from __future__ import annotations

import json
from pathlib import Path

import pytest

from tlzoo.data.check import check
from tlzoo.data.check_texts import TextCheck, has_entities, normalised


def examine(texts: list[str], labels: list[str], **options: object) -> TextCheck:
    found = check((texts, labels), **options)
    assert isinstance(found, TextCheck)
    return found


def healthy(count: int = 24) -> tuple[list[str], list[str]]:
    return [f"text number {at}" for at in range(count)], ["ab"[at % 2] for at in range(count)]


def test_healthy_texts() -> None:
    found = examine(*healthy())
    assert found.ok
    assert found.verdict == ["24 texts of 2 classes; nothing is wrong with them."]
    assert found.classes == {"a": 12, "b": 12}
    assert found.characters == {"min": 13, "median": 14, "p95": 14, "max": 14}
    assert found.words == {"min": 3, "median": 3, "p95": 3, "max": 3}
    assert found.encodings == {}
    answer = json.loads(json.dumps(found.to_json()))
    assert (answer["ok"], answer["modality"], answer["documents"]) == (True, "text", 24)


def test_empty_texts_are_all_named() -> None:
    texts, labels = healthy()
    texts[3], texts[8] = " \n", ""
    found = examine(texts, labels)
    assert not found.ok
    assert found.empty == ["text:3", "text:8"]
    assert found.broken == [("text:3", "the text is empty"), ("text:8", "the text is empty")]
    assert found.verdict[0].startswith("Cannot be learned from: 2 of 24 texts cannot be read")
    assert found.verdict[1].startswith("2 texts cannot be used, such as 'text:3': the text is empty")
    assert found.duplicates == []
    assert examine(texts, labels, tolerance=0.5).refusal is None


def test_leaks_conflicts_and_copies(tmp_path: Path) -> None:
    rows = [(f"text number {at}", "ab"[at % 2], "test" if at > 15 else "train") for at in range(32)]
    rows += [
        ("text number 1", "b", "test"),
        ("Text  number, 2!", "b", "train"),
        ("TEXT number 30", "a", "test"),
    ]
    path = tmp_path / "t.csv"
    path.write_text("text,label,split\n" + "".join(f'"{a}",{b},{c}\n' for a, b, c in rows))
    found = check(path)
    assert isinstance(found, TextCheck)
    assert not found.ok
    assert found.splits == {"train": 17, "test": 18}
    assert found.duplicates == [["row:3", "row:34"]]
    assert found.near_duplicates == [["row:4", "row:35"], ["row:32", "row:36"]]
    assert found.leaks == [("row:3", "train", "row:34", "test")]
    assert found.conflicts == [("row:4", "a", "row:35", "b")]
    words = " ".join(found.verdict)
    for piece in (
        "1 pair of the same text in different splits, such as 'row:3' (train) and 'row:34' (test)",
        "1 pair of the same text with different labels, such as 'row:4' (a) and 'row:35' (b)",
        "1 exact duplicate",
        "2 groups of texts that differ in capitals, punctuation or spaces only",
        "35 texts of 2 classes in all.",
    ):
        assert piece in words


def test_balance_entities_encodings_and_litter(tmp_path: Path) -> None:
    for label, count in (("a", 40), ("b", 5)):
        (tmp_path / "d" / label).mkdir(parents=True)
        for at in range(count):
            (tmp_path / "d" / label / f"{at}.txt").write_bytes(f"caf\xe9 {label} &amp; {at}".encode("cp1252"))
    (tmp_path / "d" / "a" / "list.md").write_text("x")
    found = check(tmp_path / "d")
    assert isinstance(found, TextCheck)
    assert found.ok
    assert found.encodings == {"cp1252": 45}
    assert found.html_entities == 1
    assert found.tiny_classes == {"b": 5}
    assert found.imbalance == 8
    words = " ".join(found.verdict)
    for piece in (
        "Few examples of 'b' (5)",
        "The largest class is 8 times the smallest; always answering 'a' is right 88.9%",
        "100.0% of the texts hold HTML entities such as &amp;. Load with unescape_html=True",
        "A guess: encoding cp1252, detected in 45 files",
        "1 file ignored, such as a/list.md (not a text's suffix)",
    ):
        assert piece in words
    undone = check(tmp_path / "d", unescape_html=True, encoding="cp1252")
    assert isinstance(undone, TextCheck)
    assert undone.html_entities == 0
    assert undone.notes == ["encoding cp1252, as asked in 45 files"]


def test_one_class_is_reported_not_raised() -> None:
    found = examine(["a", "b", "c"], ["x"] * 3)
    assert "one class only" in (found.refusal or "")


def test_nothing_but_empty_texts() -> None:
    found = examine(["", " "], ["x", "y"], tolerance=1)
    assert found.characters == {"min": 0, "median": 0, "p95": 0, "max": 0}
    assert "holds no texts" in (found.refusal or "")


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Great stuff!", " great\tSTUFF ", True),
        ("Straße", "STRASSE", True),
        ("don't", "don’t", True),
        ("I like it", "I like it not", False),
        ("!!!", "???", False),
        ("nice 😀", "nice 😡", False),
        ("ﬁne", "fine", True),
    ],
)
def test_what_counts_as_the_same(one: str, other: str, alike: bool) -> None:
    assert (normalised(one) == normalised(other)) is alike


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Tom &amp; Jerry", True),
        ("it&#039;s", True),
        ("&#x27;", True),
        ("R&D; done", False),
        ("AT&T", False),
        ("&amp without", False),
        ("a & b;", False),
    ],
)
def test_entities(text: str, holds: bool) -> None:
    assert has_entities(text) is holds

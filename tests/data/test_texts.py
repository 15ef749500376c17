"""Texts from tables, folders and memory, as `load` gives them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlzoo.data.cells import MOST_CHARACTERS
from tlzoo.data.load import load
from tlzoo.errors import DataError, UnknownNameError, UsageError

ROWS = [
    ("I loved it, really.", "good"),
    ('He said "never again"\nand left.', "bad"),
    ("Grüße 😀 שלום\t!", "good"),
    ("  spaces stay  ", "bad"),
]


def write(folder: Path, content: str | bytes, name: str = "t.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def as_csv(rows: list[tuple[str, ...]], header: tuple[str, ...] = ("text", "label"), **options: Any) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, **options).writerows([header, *rows])
    return buffer.getvalue()


def check_rows(data: Any, first: int) -> None:
    assert data.modality == "text"
    assert data.items == tuple(text for text, _ in ROWS)
    assert [data.class_names[label] for label in data.labels] == [label for _, label in ROWS]
    assert data.keys == tuple(f"row:{first + at}" for at in range(4))
    assert data.digests == tuple(hashlib.sha256(text.encode()).hexdigest() for text, _ in ROWS)
    assert data.symmetry == "none"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimited_tables(tmp_path: Path, encoding: str, delimiter: str) -> None:
    data = load(write(tmp_path, as_csv(ROWS, delimiter=delimiter), encoding=encoding))
    check_rows(data, 2)
    assert data.notes == (f"encoding {encoding}, detected",)
    assert data.name == "t"
    assert data.source == str(tmp_path / "t.csv")


def test_json_and_json_lines(tmp_path: Path) -> None:
    objects = [{"text": text, "label": label} for text, label in ROWS]
    check_rows(load(write(tmp_path, json.dumps(objects), "t.json")), 1)
    lines = "\r\n".join(json.dumps(one, ensure_ascii=False) for one in objects)
    for name in ("t.jsonl", "t.ndjson", "t.json"):
        check_rows(load(write(tmp_path, lines, name)), 1)


def test_blank_lines_of_json_count(tmp_path: Path) -> None:
    lines = "\n\n".join(json.dumps({"text": text, "label": label}) for text, label in ROWS)
    assert load(write(tmp_path, lines, "t.jsonl")).keys == ("row:1", "row:3", "row:5", "row:7")


def test_parquet_and_frames(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["text", "label"])
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "t.parquet")
    check_rows(load(tmp_path / "t.parquet"), 1)
    check_rows(load(frame), 1)


def test_numbers_of_a_frame_are_labels(tmp_path: Path) -> None:
    frame = pd.DataFrame({"review": ["a", "b", "c", "d"], "stars": [5.0, 1.0, 5.0, 1.0]})
    assert load(frame, label_column="stars").class_names == ("1", "5")


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = write(tmp_path, b"PAR1", "t.parquet")
    with pytest.raises(UsageError, match="pyarrow is not installed") as caught:
        load(path)
    assert "tlzoo[tables]" in caught.value.do


def test_broken_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match=r"t\.parquet' cannot be read"):
        load(write(tmp_path, b"PAR1 and nothing", "t.parquet"))


def test_folders(tmp_path: Path) -> None:
    for name, content in {
        "pos/a.txt": b"gut",
        "pos/b.TXT": "größer".encode("utf-16"),
        "neg/deep/a.txt": b"caf\xe9",
        "neg/b.txt": b"d\xe9j\xe0 vu, tr\xe8s mauvais",
        "neg/README.md": b"hello",
    }.items():
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).write_bytes(content)
    data = load(tmp_path / "d")
    assert data.modality == "text"
    assert dict(zip(data.keys, data.items, strict=True)) == {
        "neg/b.txt": "déjà vu, très mauvais",
        "neg/deep/a.txt": "café",
        "pos/a.txt": "gut",
        "pos/b.TXT": "größer",
    }
    assert data.ignored == ("neg/README.md (not a text's suffix)",)
    assert any(note.startswith("encoding cp1252, detected in 2 files; if letters") for note in data.notes)
    assert load(tmp_path / "d", encoding="latin-1", on_broken="skip").items[0] == "déjà vu, très mauvais"


def test_folders_below_splits(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for label in "ab":
            for at in range(3):
                path = tmp_path / "d" / split / label / f"{at}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{split} {label} {at}")
    data = load(tmp_path / "d")
    assert [len(indices) for _, indices in data.split(seed=0).items()] == [6, 6, 6]
    assert data.keys[0] == "test/a/0.txt"


def test_a_folder_of_both_is_one_of_images_unless_asked(photos: Path) -> None:
    for label in ("cat", "dog"):
        for at in range(2):
            (photos / label / f"{at}.txt").write_text(f"{label} {at}")
    assert load(photos).modality == "image"
    data = load(photos, modality="text")
    assert len(data) == 4
    assert "cat/000.png (not a text's suffix)" in data.ignored


def test_unreadable_files_count_as_broken(tmp_path: Path) -> None:
    for at in range(4):
        for label in "ab":
            (tmp_path / "d" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "d" / label / f"{at}.txt").write_text(f"{label} {at}")
    (tmp_path / "d" / "a" / "0.txt").write_bytes(b"\xff")
    (tmp_path / "d" / "b" / "0.txt").write_bytes(b" \n")
    with pytest.raises(DataError, match=r"2 of 8 texts cannot be read \('a/0.txt': 'a/0.txt' is not utf-8"):
        load(tmp_path / "d", encoding="utf-8")
    data = load(tmp_path / "d", encoding="utf-8", on_broken="skip")
    assert len(data) == 6
    assert dict(data.skipped)["b/0.txt"] == "the text is empty"


def test_memory() -> None:
    texts, labels = [text for text, _ in ROWS], [label for _, label in ROWS]
    for source in [
        (texts, labels),
        (np.array(texts), np.array(labels)),
        (np.array(texts, object), labels),
        ([text.encode() for text in texts], labels),
        (pd.Series(texts), pd.Series(labels)),
    ]:
        data = load(source)
        assert data.items == tuple(texts)
        assert data.keys == ("text:0", "text:1", "text:2", "text:3")
        assert data.modality == "text"
        assert type(data.items[0]) is str
    assert load((texts, [0, 1, 0, 1])).class_names == ("0", "1")
    assert load((texts, np.eye(2)[[0, 1, 0, 1]])).labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("texts", "labels", "words"),
    [
        (["a", "b"], ["x"], "2 texts and 1 labels"),
        (["a", "b"], ["x", None], "text:1: no label"),
        (["a", 7.5j], ["x", "y"], "text:1: a complex where the text"),
        (["a", ["b"]], ["x", "y"], "text:1: a list where the text"),
        (["a", b"\xff"], ["x", "y"], "text:1: bytes that are not UTF-8"),
        (["a", "b\ud800"], ["x", "y"], r"text:1: the text holds half a character \(U\+D800"),
        (["a", "b"], ["x", "y\udfff"], "text:1: the label holds half"),
        (["a", "x" * (MOST_CHARACTERS + 1)], ["x", "y"], "text:1: a text of 1,048,577 characters"),
    ],
)
def test_bad_lists(texts: list[Any], labels: list[Any], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        load((texts, labels))
    assert caught.value.allowed


def test_pipelines_of_texts() -> None:
    import tensorflow as tf

    def pipeline(*texts: str) -> Any:
        return tf.data.Dataset.from_tensor_slices((list(texts), [0, 1] * (len(texts) // 2)))

    data = load((pipeline("a", "ü", "c", "d"), pipeline("e", "f").batch(2)))
    assert data.items == ("a", "ü", "c", "d", "e", "f")
    assert data.given_split == ("train",) * 4 + ("validation",) * 2
    assert data.labels.tolist() == [0, 1, 0, 1, 0, 1]
    with pytest.raises(UsageError, match=r"modality='image' for a tf\.data\.Dataset of texts"):
        load(pipeline("a", "b"), modality="image")


def test_texts_without_class_folders_are_explained(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(DataError, match="holds 1 text and no folders"):
        load(tmp_path)


def test_a_table_without_a_header_is_explained_briefly(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'path'; it has '(x){40}…', 'good'") as caught:
        load(write(tmp_path, f"{'x' * 10_000},good\ny,bad\n"))
    assert "--text-column" in caught.value.do
    assert len(str(caught.value)) < 500


def test_tables_too_large_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlzoo.data.rows.MOST_BYTES", 10)
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(DataError, match="has 18 bytes"):
            load(write(tmp_path, b"text,label\na,x\nb,y", name))


def test_json_lines_may_list_images(photos: Path) -> None:
    lines = [
        json.dumps({"path": f"{label}/00{at}.png", "label": label})
        for label in ("cat", "dog")
        for at in range(3)
    ]
    data = load(write(photos, "\n".join(lines), "t.jsonl"))
    assert data.modality == "image"
    assert data.counts() == {"cat": 3, "dog": 3}


def test_columns_are_found_or_named(tmp_path: Path) -> None:
    header = ("id", "Review", "title", "Sentiment", "subset", "author")
    rows = [
        (str(at), f"text {at}", "t", "ab"[at % 2], ("train", "test")[at // 4 % 2], f"p{at // 2}")
        for at in range(8)
    ]
    path = write(tmp_path, as_csv(rows, header))
    data = load(path)
    assert data.items[0] == "text 0"
    assert data.given_split is not None
    assert data.groups is None
    data = load(path, text_column="title", label_column="Review", to_learn=False, group_column="author")
    assert data.items[0] == "t"
    assert data.groups == ("p0", "p0", "p1", "p1", "p2", "p2", "p3", "p3")
    assert data.options == {"text_column": "title", "label_column": "Review", "group_column": "author"}
    again = load(path, columns={"text": "title", "label": "Review"}, to_learn=False)
    assert again.items == data.items


@pytest.mark.parametrize(
    ("options", "words", "advice"),
    [
        ({"text_column": "revew"}, "no column 'revew'; it has 'review', 'stars'", "text_column='review'"),
        ({"modality": "text"}, "no column 'label'", "label_column='review'"),
        (
            {"text_column": "stars", "label_column": "stars"},
            "'stars' is to be text and label",
            "name another",
        ),
    ],
)
def test_missing_columns(tmp_path: Path, options: dict[str, str], words: str, advice: str) -> None:
    path = write(tmp_path, as_csv(ROWS, ("review", "stars")))
    with pytest.raises(DataError, match=words) as caught:
        load(path, **options)
    assert advice in caught.value.do


def test_a_column_that_stands_there_twice(tmp_path: Path) -> None:
    path = write(tmp_path, "text,text,label\na,b,c\n")
    with pytest.raises(DataError, match="'text' stands there twice"):
        load(path)


def test_images_or_texts(photos: Path) -> None:
    header = ("image", "title", "label")
    rows = [(f"{label}/00{at}.png", f"a {label} {at}", label) for label in ("cat", "dog") for at in range(3)]
    path = write(photos, as_csv(rows, header))
    assert load(path).modality == "image"
    assert load(path, modality="text").items[0] == "a cat 0"
    assert load(path, text_column="title").modality == "text"
    elsewhere = write(photos.parent, as_csv(rows, header))
    with pytest.raises(DataError, match="'image', which could be of images, and 'title'") as caught:
        load(elsewhere)
    assert "modality='text' (text_column='title')" in caught.value.do
    with pytest.raises(UsageError, match="the path column 'image' and the text column 'title'"):
        load(path, columns={"path": "image", "text": "title"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("text,label\n", "header and no rows"),
        ("text,label\na,x\nb,\n", "row 3: no label"),
        ("text,label\na,x\n\nb, \n", "row 4: no label"),
        ("text,label\na,x\nb,c,y\n", "row 3: 3 cells, and the header has 2"),
        ("text,label\na,x\nb\n", "row 3: 1 cells, and the header has 2"),
        ('text,label\na,x\n"b,y\nc,x\n', "row 3: a quote is opened before 'b,y' and never closed"),
        ("text,label,split\na,x,holdout\n", "row 2: split 'holdout'"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        load(write(tmp_path, text))
    assert caught.value.allowed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"text": "a", "label": "x"}\n{"text"\n', "row 2 is no JSON"),
        ('{"text": "a", "label": "x"}\n[1]\n', "row 2 is a list"),
        ('{"text": "a", "label": "x"}\n{"text": "\\ud800", "label": "x"}\n', "row 2: the text holds half"),
        ('{"text": "a", "label": "x"}\n{"text": ["b"], "label": "x"}\n', "row 2: a list where the text"),
        ('{"text": "a", "label": "x"}\n{"text": "b", "label": {}}\n', "row 2: the label is a dict"),
        ('{"text": "a", "label": "x"}\n{"text": "b"}\n', "row 2: no label"),
        ("7", "is a int"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_bad_json_lines(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(write(tmp_path, text, "t.jsonl"))


@pytest.mark.parametrize(
    ("text", "words"),
    [("7", "holds a int"), ("[[]]", "row 1 is a list"), ("[", "is no JSON"), (" ", "is empty")],
)
def test_bad_json(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(write(tmp_path, text, "t.json"))


@pytest.mark.parametrize(("content", "words"), [(b"PK\x03\x04...", "Excel"), (b"\x1f\x8b...", "compressed")])
def test_strangers_are_called_by_their_name(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(write(tmp_path, content))


def test_trailing_empty_cells_are_harmless(tmp_path: Path) -> None:
    assert len(load(write(tmp_path, "text,label\na,x,,\nb,y,,\nc,x\nd,y\n"))) == 4


def test_empty_texts_are_skipped_up_to_a_share(tmp_path: Path) -> None:
    rows = [(f"text {at}", "ab"[at % 2]) for at in range(98)] + [(" \t ", "a"), ("", "b")]
    data = load(write(tmp_path, as_csv(rows)))
    assert len(data) == 98
    assert data.skipped == (("row:100", "the text is empty"), ("row:101", "the text is empty"))
    with pytest.raises(DataError, match=r"2 of 100 texts cannot be read \('row:100': the text is empty"):
        load(tmp_path / "t.csv", on_broken="refuse")


def test_long_texts(tmp_path: Path) -> None:
    rows = [("x" * 200_000, "a"), ("y", "b"), ("z", "a"), ("u", "b")]
    assert len(load(write(tmp_path, as_csv(rows))).items[0]) == 200_000
    rows[2] = ("x" * (MOST_CHARACTERS + 1), "a")
    with pytest.raises(DataError, match="row 4: a text of 1,048,577 characters"):
        load(write(tmp_path, as_csv(rows)))


def test_html_is_undone_on_request(tmp_path: Path) -> None:
    rows = [
        ("I&#039;d say &quot;ok&quot; &amp; go", "a&amp;b"),
        ("<b>x</b>", "b"),
        ("y", "b"),
        ("z", "a&amp;b"),
    ]
    path = write(tmp_path, as_csv(rows))
    assert load(path).items[0] == rows[0][0]
    data = load(path, unescape_html=True)
    assert data.items[:2] == ('I\'d say "ok" & go', "<b>x</b>")
    assert data.class_names == ("a&amp;b", "b")
    assert load(path, unescape_html="false").items[0] == rows[0][0]
    assert load(([rows[0][0], "x"] * 2, [0, 1] * 2), unescape_html=True).items[0] == 'I\'d say "ok" & go'


def test_an_encoding_may_be_named(tmp_path: Path) -> None:
    text = as_csv([("żółć", "a"), ("b", "b"), ("c", "a"), ("d", "b")])
    path = write(tmp_path, text, encoding="cp1250")
    data = load(path, encoding="cp1250")
    assert data.items[0] == "żółć"
    assert data.notes == ("encoding cp1250, as asked",)
    with pytest.raises(UnknownNameError, match="no encoding 'cp125'"):
        load(path, encoding="cp125")
    with pytest.raises(DataError, match="is not utf-8"):
        load(path, encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"text_column": "a"}, "text_column='a' for the folder"),
        ({"columns": {"path": "a"}}, "columns={'path': 'a'} for the folder"),
        ({"encoding": "utf-8"}, "encoding='utf-8' for the images in"),
        ({"unescape_html": True}, "unescape_html=True for the images in"),
        ({"modality": "sound"}, "no modality 'sound'"),
        ({"unescape_html": "perhaps"}, "unescape_html='perhaps'"),
        ({"columns": {"label": "a"}, "label_column": "b"}, "label column is 'a' in columns and 'b'"),
    ],
)
def test_options_that_mean_nothing_are_refused(photos: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        load(photos, **options)
    assert caught.value.allowed
    assert caught.value.do


def test_memory_and_frames_take_no_encoding(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="encoding='utf-8' for data in memory"):
        load((["a", "b"] * 2, [0, 1] * 2), encoding="utf-8")
    with pytest.raises(UsageError, match="text_column='a' for data in memory"):
        load((["a", "b"] * 2, [0, 1] * 2), text_column="a")
    with pytest.raises(UsageError, match="encoding='utf-8' for a DataFrame"):
        load(pd.DataFrame(ROWS, columns=["text", "label"]), encoding="utf-8")
    with pytest.raises(UsageError, match="unescape_html=True for arrays of images"):
        load((np.zeros((4, 8, 8), np.uint8), [0, 1] * 2), unescape_html=True)
    with pytest.raises(UsageError, match="encoding='utf-8' for the data set digits"):
        load("digits", encoding="utf-8")
    with pytest.raises(UsageError, match="modality='text' for the data set digits"):
        load("digits", modality="text")


def test_labels_are_composed_and_texts_are_not(tmp_path: Path) -> None:
    loose = unicodedata.normalize("NFD", "é")
    data = load(write(tmp_path, as_csv([(loose, loose), ("x", "é"), ("y", "b"), ("z", "b")])))
    assert data.class_names == ("b", "é")
    assert data.items[0] == loose


def test_splits_subsets_and_fingerprints_work_as_for_images(tmp_path: Path) -> None:
    rows = [(f"text {at // 2}", "ab"[at // 2 % 2]) for at in range(40)]
    data = load(write(tmp_path, as_csv(rows)))
    splits = data.split(seed=1)
    where = {}
    for name, indices in splits.items():
        for index in indices:
            assert where.setdefault(data.items[index], name) == name
    assert data.subset(range(39, -1, -1)).fingerprint == data.fingerprint
    assert data.without({3: "why"}).skipped == (("row:5", "why"),)
    rows[0] = ("another text", "a")
    assert load(write(tmp_path, as_csv(rows))).fingerprint != data.fingerprint


def test_loading_texts_needs_no_heavy_package(tmp_path: Path) -> None:
    path = write(tmp_path, as_csv(ROWS))
    code = (
        "import sys; from tlzoo.data.load import load; from tlzoo.data.check import check; "
        f"load({str(path)!r}); check({str(path)!r}); "
        "assert not {'tensorflow', 'keras', 'sklearn', 'pandas', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


ANY = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40).filter(str.strip)
LABELS = st.sampled_from(["a", "b", "große Klasse"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(ANY, LABELS), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"]),
    named=st.booleans(),
)
def test_any_texts_survive_csv(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, encoding: str, named: bool
) -> None:
    path = write(tmp_path, as_csv(rows, delimiter=delimiter), encoding=encoding)
    options = {"encoding": encoding} if named or encoding == "gb18030" else {}
    data = load(path, to_learn=False, **options)
    assert data.items == tuple(text for text, _ in rows)
    assert [data.class_names[label] for label in data.labels] == [label for _, label in rows]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(ANY, LABELS), min_size=1, max_size=8),
    ascii_only=st.booleans(),
    lines=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_any_texts_survive_json(
    tmp_path: Path, rows: list[tuple[str, str]], ascii_only: bool, lines: bool, encoding: str
) -> None:
    objects = [{"text": text, "label": label} for text, label in rows]
    dumped = [json.dumps(one, ensure_ascii=ascii_only) for one in objects]
    text = "\n".join(dumped) if lines else f"[{', '.join(dumped)}]"
    data = load(write(tmp_path, text, "t.jsonl" if lines else "t.json", encoding), to_learn=False)
    assert data.items == tuple(text for text, _ in rows)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".tsv", ".json", ".jsonl"]))
def test_any_bytes_give_texts_or_a_data_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = write(tmp_path, b"text,label\n" + content if suffix == ".csv" else content, f"t{suffix}")
    try:
        data = load(path, modality="text", to_learn=False, on_broken="skip")
    except DataError:
        return
    assert all(isinstance(item, str) for item in data.items)

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlzoo.data.load import load
from tlzoo.data.tables import Columns, read_frame, read_table
from tlzoo.errors import DataError, UnknownNameError

ROWS = [("cat/000.png", "cat"), ("cat/001.png", "cat"), ("dog/000.png", "dog"), ("dog/001.png", "dog")]


def table(folder: Path, text: str, name: str = "t.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_delimiters_encodings_endings(photos: Path, delimiter: str, encoding: str, ending: str) -> None:
    lines = [("path", "label"), *ROWS[:2], *((path, "Köter") for path, _ in ROWS[2:])]
    text = ending.join(delimiter.join(line) for line in lines) + ending
    data = load(table(photos, text, encoding=encoding))
    assert data.class_names == ("Köter", "cat")
    assert data.name == "t"
    assert data.items[0] == photos / "cat/000.png"


def test_usual_names_splits_and_groups(photos: Path) -> None:
    text = "Image,Class,Subset,Patient_ID,age\n"
    text += "cat/000.png,cat,train,p1,3\ncat/001.png,cat,TEST,p2,4\ndog/000.png,dog,training,p3,5\n"
    text += "dog/001.png,dog,test,,6\n\n"
    listing = read_table(table(photos, text))
    assert listing.splits == ["train", "test", "train", "test"]
    assert listing.groups == ["p1", "p2", "p3", "(alone) dog/001.png"]


def test_asked_names(photos: Path) -> None:
    text = "a,b,label\ncat/000.png,x,1\ncat/001.png,x,2\ndog/000.png,y,3\ndog/001.png,y,4\n"
    data = load(table(photos, text), columns={"path": "a", "label": "b"})
    assert data.class_names == ("x", "y")
    with pytest.raises(UnknownNameError, match="no column role 'lable'") as caught:
        load(table(photos, text), columns={"lable": "b"})
    assert "'label'" in caught.value.do


def test_no_header(photos: Path) -> None:
    text = "".join(f"{path},{label}\n" for path, label in ROWS)
    assert load(table(photos, text)).counts() == {"cat": 2, "dog": 2}


def test_missing_columns_list_those_seen(photos: Path) -> None:
    with pytest.raises(DataError, match="no column 'label'; it has 'path', 'colour'") as caught:
        load(table(photos, "path,colour\ncat/000.png,red\n"))
    assert "columns={'label'" in caught.value.do
    with pytest.raises(DataError, match="no column 'kind'"):
        load(table(photos, "path,label\ncat/000.png,cat\n"), columns=Columns(label="kind"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("path,label\n", "header and no rows"),
        ("path,label\na.png,\n", "row 2: no label"),
        ("path,label\n,cat\n", "row 2: no path"),
        ("path,label,split\na.png,cat,holdout\n", "row 2: split 'holdout'"),
        ("path,label\na.png,cat\na.png,dog\n", "'a.png' is 'cat' in row 2 and 'dog' in row 3"),
    ],
)
def test_bad_tables(photos: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        load(table(photos, text))
    assert caught.value.allowed


def test_repeated_rows_count_once_and_missing_files_are_broken(photos: Path) -> None:
    text = "path,label\n" + "".join(
        f"{path},{label}\n" for path, label in [*ROWS, ROWS[0], ("gone.png", "dog")]
    )
    data = load(table(photos, text), on_broken="skip")
    assert len(data) == 4
    assert data.ignored == ("cat/000.png (row 6 repeats row 2)",)
    assert data.skipped == (("gone.png", "No such file or directory"),)


def test_windows_paths(photos: Path) -> None:
    text = "path,label\n" + "".join(f"{path},{label}\n".replace("/", "\\") for path, label in ROWS)
    assert load(table(photos, text)).counts() == {"cat": 2, "dog": 2}


def test_frames(photos: Path) -> None:
    frame = pd.DataFrame(
        {
            "file": [str(photos / path) for path, _ in ROWS],
            "y": [1.0, 1.0, 2.0, 2.0],
            "split": ["train", None] * 2,
        }
    )
    data = load(frame)
    assert data.class_names == ("1", "2")
    assert data.given_split == ("train", None, "train", None)
    with pytest.raises(DataError, match="the DataFrame has no column 'path'"):
        read_frame(pd.DataFrame({"y": [1]}))


CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=12
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(CELLS, CELLS), min_size=1, max_size=8, unique_by=lambda row: row[0].replace("\\", "/")
    ),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_words_survive_a_table(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, encoding: str
) -> None:
    import unicodedata

    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows([("path", "label"), *rows])
    listing = read_table(table(tmp_path, buffer.getvalue(), encoding=encoding))
    assert listing.keys == [path.replace("\\", "/") for path, _ in rows]
    assert listing.labels == [unicodedata.normalize("NFC", label) for _, label in rows]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_give_a_listing_or_a_data_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    try:
        listing = read_table(path)
    except DataError:
        return
    assert len(listing.items) == len(listing.labels) > 0

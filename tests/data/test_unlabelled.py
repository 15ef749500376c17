import pandas as pd
import pytest

from tlzoo.data.unlabelled import texts_of
from tlzoo.errors import DataError

TEXTS = ['Füße, "quoted"\nand broken', "", "plain"]


def write(path, encoding="utf-8"):
    frame = pd.DataFrame({"n": [1, 2, 3], "review": TEXTS})
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix in (".jsonl", ".json"):
        frame.to_json(path, orient="records", lines=path.suffix == ".jsonl", force_ascii=False)
    else:
        frame.to_csv(path, index=False, encoding=encoding, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("column", ["review", None])
def test_rows_are_numbered_as_training_numbers_them(tmp_path, suffix, column):
    found = list(texts_of(write(tmp_path / f"t{suffix}"), column))
    assert [text for _, text in found] == TEXTS
    first = 2 if suffix in (".csv", ".tsv") else 1
    assert [key for key, _ in found] == [f"row:{first + at}" for at in range(3)]


def test_encodings_are_detected_or_named(tmp_path):
    assert next(texts_of(write(tmp_path / "t.csv", "utf-16")))[1] == TEXTS[0]
    path = write(tmp_path / "u.csv", "cp437")
    assert next(texts_of(path, encoding="cp437"))[1] == TEXTS[0]
    with pytest.raises(DataError, match="is not utf-8"):
        next(texts_of(path, encoding="utf-8"))


def test_the_only_column_needs_no_name(tmp_path):
    (tmp_path / "t.csv").write_text("what they said\nA\nB\n")
    assert [text for _, text in texts_of(tmp_path / "t.csv")] == ["A", "B"]


def test_columns_that_are_not_there_are_named(tmp_path):
    path = write(tmp_path / "t.csv")
    with pytest.raises(DataError, match=r"no column 'revew'; it has 'n', 'review'.*--text-column 'n'"):
        next(texts_of(path, "revew"))
    (tmp_path / "u.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"no column 'text'; it has 'a', 'b'"):
        next(texts_of(tmp_path / "u.csv"))


def test_a_row_that_is_not_whole_is_an_error_of_its_own(tmp_path):
    (tmp_path / "t.csv").write_text("n,text\n1,good\n2\n3,bad,cells\n4,good,\n")
    found = list(texts_of(tmp_path / "t.csv"))
    assert [key for key, _ in found] == ["row:2", "row:3", "row:4", "row:5"]
    assert [isinstance(text, DataError) for _, text in found] == [False, True, True, False]
    assert "row 3: 1 cells, and the header has 2" in str(found[1][1])


def test_numbers_and_gaps_are_texts_and_lists_are_not(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"text": 3}\n{"text": null, "n": 1}\n{"text": ["a"]}\n')
    found = [text for _, text in texts_of(tmp_path / "t.jsonl")]
    assert found[:2] == ["3", ""]
    assert "a list where the text should be" in str(found[2])


def test_an_empty_table_says_so(tmp_path):
    (tmp_path / "t.csv").write_text("")
    with pytest.raises(DataError, match="is empty"):
        next(texts_of(tmp_path / "t.csv"))
    (tmp_path / "u.csv").write_text("text\n")
    assert list(texts_of(tmp_path / "u.csv")) == []

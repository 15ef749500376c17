"""Finding texts that are alike: tables, files of texts, typed queries."""

import csv
import json

import pytest

import tlzoo
from tests.tiny_texts import COOKING, GARDEN
from tlzoo.errors import DataError, UsageError

pytestmark = pytest.mark.usefixtures("tiny_text")


@pytest.fixture(scope="module")
def index(corpus):
    return tlzoo.search_index(corpus, backbone="tiny_text").build()


def test_a_text_finds_itself_and_its_copy(index):
    text = "Ten men for an hour, and still they scored first."
    hits = index.search(text, 4)
    assert [hit.item for hit in hits[:2]] == [text, text]
    assert [hit.near for hit in hits[:2]] == [True, True]
    assert hits[0].label == "football"
    assert hits[0].key.startswith("row:")
    assert all(hit.item != text for hit in hits[2:])


def test_a_table_without_labels_is_enough(tmp_path):
    table = tmp_path / "new.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("review",), *((line,) for line in COOKING.splitlines())])
    index = tlzoo.search_index(table, backbone="tiny_text")
    assert len(index) == len(COOKING.splitlines())
    (hit,) = index.search(COOKING.splitlines()[3], 1)
    assert (hit.key, hit.label) == ("row:5", None)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_column_of_the_texts_may_have_any_name(kind, tmp_path):
    """With a column beside it that would be taken for the texts, and one that is no label."""
    lines, table = COOKING.splitlines(), tmp_path / f"mails.{kind}"
    rows = [{"title": f"No {number}", "what it says": line} for number, line in enumerate(lines)]
    with table.open("w", newline="") as file:
        if kind == "csv":
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    index = tlzoo.search_index(table, backbone="tiny_text", text_column="what it says")
    assert list(index.dataset.items) == lines
    assert tlzoo.search_index(table, backbone="tiny_text").dataset.items[0] == "No 0"


def test_a_labelled_table_keeps_its_labels_beside_a_named_column(tmp_path):
    (tmp_path / "mails.csv").write_text("mail,label\nAdd salt.,kitchen\nDig here.,garden\nStir.,kitchen\n")
    index = tlzoo.search_index(tmp_path / "mails.csv", backbone="tiny_text", text_column="mail")
    assert index.dataset.words() == ["kitchen", "garden", "kitchen"]


def test_a_missing_column_is_told_with_those_that_are_there(tmp_path):
    (tmp_path / "mails.csv").write_text("mail,kind\nAdd salt.,a\nDig here.,b\n")
    with pytest.raises(DataError, match="no column 'male'; it has 'mail', 'kind'") as caught:
        tlzoo.search_index(tmp_path / "mails.csv", backbone="tiny_text", text_column="male")
    assert "--text-column 'mail'" in str(caught.value)
    with pytest.raises(DataError, match="it has 'mail', 'kind'") as caught:
        tlzoo.search_index(tmp_path / "mails.csv", backbone="tiny_text")
    assert "--text-column 'mail'" in str(caught.value)


def test_a_column_of_what_is_no_table_is_refused(tmp_path):
    for number, line in enumerate(GARDEN.splitlines()):
        (tmp_path / f"{number}.txt").write_text(line)
    with pytest.raises(UsageError, match="mail"):
        tlzoo.search_index(tmp_path, backbone="tiny_text", text_column="mail")
    with pytest.raises(UsageError, match="text_column, and no data"):
        tlzoo.search_index(run=tmp_path, text_column="mail")


def test_files_of_texts_need_no_order(tmp_path):
    for number, line in enumerate(GARDEN.splitlines()):
        folder = tmp_path / "more" if number % 2 else tmp_path
        folder.mkdir(exist_ok=True)
        (folder / f"{number:02d}.txt").write_text(line)
    index = tlzoo.search_index(tmp_path, backbone="tiny_text")
    assert len(index) == len(GARDEN.splitlines())
    hit, _ = index.search(tmp_path / "more" / "07.txt", 2)
    assert hit.key == "more/07.txt"
    assert hit.item == GARDEN.splitlines()[7]


def test_refusals(index, tmp_path):
    for empty in ("", "   \n"):
        with pytest.raises(DataError, match="empty"):
            index.search(empty)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DataError, match="is an image"):
        index.search(tmp_path / "a.png")
    with pytest.raises(UsageError, match="holds texts"):
        tlzoo.search_index(index.dataset, backbone="tiny")

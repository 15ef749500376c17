"""What the front door does itself."""

import json

import pytest

import tlzoo
from tlzoo.errors import BundleError, DataError


def test_a_table_is_read_as_it_stands(tmp_path):
    (tmp_path / "a.csv").write_text("id; text\n1;zwölf\n2\n", encoding="latin-1")
    header, rows = tlzoo.read_table(tmp_path / "a.csv")
    assert header == ("id", "text")
    assert rows == [("1", "zwölf"), ("2", None)]


def test_a_table_of_objects_has_a_cell_for_every_column(tmp_path):
    lines = [json.dumps({"text": "a"}), json.dumps({"text": "b", "n": 2})]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert tlzoo.read_table(tmp_path / "a.jsonl") == (("text", "n"), [("a", None), ("b", 2)])


def test_an_empty_table_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(DataError, match="is empty"):
        tlzoo.read_table(tmp_path / "a.csv")


def test_a_bundle_carries_samples_of_its_data(talk):
    known = set(tlzoo.open_run(talk.run).dataset.items)
    found = [each.decode() for each in tlzoo.samples(talk.bundle)]
    assert len(found) > 1
    assert set(found) <= known


def test_samples_need_a_bundle(tmp_path):
    with pytest.raises(BundleError):
        tlzoo.samples(tmp_path)


def test_a_run_gives_samples_of_its_validation_split(talk):
    run = tlzoo.open_run(talk.run)
    held = {run.dataset.items[index] for index in run.folder.read_splits()["validation"]}
    found = run.samples(3)
    assert len(found) == 3
    assert {each.decode() for each in found} <= held


def test_words_that_push_together_are_the_text():
    def ask(texts):
        return [[0.9, 0.1] if "good" in text else [0.2, 0.8] for text in texts]

    found = tlzoo.explain_words("a good thing", ask, 0)
    assert "".join(text for text, _ in found) == "a good thing"
    assert max(found, key=lambda pair: pair[1]) == ("good ", 1.0)

"""Data that was read in a way of its own is read that way again."""

import shlex

import pytest

import tlzoo
from tlzoo.cli.main import build_parser
from tlzoo.cli.reading import reading
from tlzoo.errors import RunError
from tlzoo.workflows.inputs import reload_dataset
from tlzoo.workflows.request import Request, command_of, config_of, write_splits


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "reviews.csv"
    rows = [f'"a &lt;{at}&gt;,\nname","{"xy"[at % 2]}","{at // 4}"\n' for at in range(40)]
    path.write_text("words,stars,who\n" + "".join(rows), encoding="utf-16")
    return path


@pytest.fixture
def texts(table):
    return tlzoo.load(
        table, text_column="words", label_column="stars", group_column="who", unescape_html=True
    )


def config(dataset):
    return config_of(dataset, dataset.split(seed=0), Request(data_options={"on_broken": 0.02}), "")


def test_a_run_reads_its_texts_again(texts):
    again = reload_dataset(config(texts))
    assert again.items == texts.items
    assert again.items[0] == "a <0>,\nname"
    assert again.groups == texts.groups


def test_texts_that_changed_are_noticed(texts, table):
    before = config(texts)
    table.write_text(table.read_text("utf-16").replace("&lt;7&gt;", "seven"), encoding="utf-16")
    with pytest.raises(RunError, match="has changed since the run began"):
        reload_dataset(before)


def test_the_command_of_a_report_reads_them_again(texts, tmp_path):
    words = shlex.split(command_of(texts, Request(), tmp_path / "run"))
    assert reading(build_parser().parse_args(words[1:])) == texts.options


def test_splits_name_rows_and_do_not_hold_whole_texts(texts):
    kept = []

    class Folder:
        def write_splits(self, rows):
            kept.extend(rows)

    write_splits(Folder(), texts, texts.split(seed=0))
    assert sorted(row[1] for row in kept) == sorted(texts.keys)
    assert {"row:2", "row:41"} <= {row[1] for row in kept}

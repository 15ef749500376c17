"""Parts of data sets by name."""

import pytest

from tlzoo.data.parts import named_part
from tlzoo.errors import UsageError


def test_a_part_becomes_the_cards_option():
    assert named_part("elpv:mono", {"x": 1}) == ("elpv", {"x": 1, "cell_type": "mono"})


@pytest.mark.parametrize("source", ["elpv", "C:/photos", "no_card:mono", 5])
def test_everything_else_stays_as_it_is(source):
    assert named_part(source, {}) == (source, {})


def test_a_path_wins(tmp_path, monkeypatch):
    (tmp_path / "elpv:mono").mkdir()
    monkeypatch.chdir(tmp_path)
    assert named_part("elpv:mono", {}) == ("elpv:mono", {})


@pytest.mark.parametrize(
    ("source", "options", "text"),
    [
        ("digits:3", {}, "has no parts"),
        ("elpv:", {}, "elpv:PART"),
        ("elpv:mono", {"cell_type": "poly"}, "beside cell_type='poly'"),
    ],
)
def test_what_cannot_be_a_part_is_refused(source, options, text):
    with pytest.raises(UsageError, match=text):
        named_part(source, options)

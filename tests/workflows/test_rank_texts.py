"""Ranking text backbones: tokens and strings."""

import pytest

import tlzoo
from tlzoo.errors import UsageError

pytestmark = pytest.mark.usefixtures("tiny_text")


@pytest.fixture(scope="module")
def ranking(tiny_text, corpus):
    return tlzoo.rank(corpus, engine="graph")


def test_all_text_backbones_at_hand_are_ranked(ranking):
    assert {row["backbone"] for row in ranking.table()} == {"tiny_text", "tiny_strings"}
    assert all(row["probe"] > ranking.baseline for row in ranking.table())
    assert all(row["seconds_per_1000"] > 0 for row in ranking.table())
    assert "1,000 texts" in ranking.recommendation or ranking.cheapest == ranking.best


def test_a_second_look_is_remembered(ranking, corpus):
    assert all(row["remembered"] for row in tlzoo.rank(corpus, engine="graph").table())


def test_lengths_are_candidates(corpus):
    found = tlzoo.rank(corpus, backbones=["tiny_text"], lengths=(8, 40), engine="graph")
    assert {row["backbone"] for row in found.table()} == {"tiny_text@8", "tiny_text@40"}


def test_options_and_backbones_of_images_are_refused(corpus):
    with pytest.raises(UsageError, match="size says nothing"):
        tlzoo.rank(corpus, sizes=(32,))
    with pytest.raises(UsageError, match="takes images"):
        tlzoo.rank(corpus, backbones=["tiny"])

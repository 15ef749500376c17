import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.evaluation.attribution import (
    FEWEST_SPANS,
    MOST_SPANS,
    WEAKEST,
    allotment,
    explain,
    log_odds,
    pieces,
)

texts = st.text(st.sampled_from("ab ,.\n\t\u3000中文にほんกำ้é\u0301😀\u200dשלום"), max_size=80) | st.text(
    max_size=40
)


class BagOfWords:
    """Log-odds are the sum of the worth of the words: each word's push is its worth, whatever else is there."""

    def __init__(self, worth):
        self.worth, self.asked, self.passes = worth, [], 0

    def __call__(self, variants):
        self.asked += variants
        self.passes += 1
        return np.array(
            [0.3 + sum(self.worth.get(word, 0.0) for word in text.split()) for _, text in variants]
        )


@given(texts)
def test_pieces_give_back_the_text(text):
    found = pieces(text)
    assert "".join(found) == text
    assert all(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  \n", ["  \n"]),
        ("  It works!\nReally. ", ["  It ", "works!\n", "Really. "]),
        ("很好。OK吗?", ["很", "好。", "OK", "吗?"]),
        ("ดีมาก", ["ดี", "ม", "า", "ก"]),
        ("זה עובד", ["זה ", "עובד"]),
        ("e\u0301te\u0301 👩‍🔬", ["e\u0301te\u0301 ", "👩‍🔬"]),
        ("x" * 5000, ["x" * 5000]),
    ],
)
def test_pieces_of_many_scripts(text, found):
    assert pieces(text) == found


def test_a_bag_of_words_gets_exactly_what_its_words_are_worth():
    worth = {"good": 2.0, "bad": -1.0, "so": 0.04}
    scorer = BagOfWords(worth)
    pushes = explain(["so good, good\nbad it", "", "bad"], [60, 60, 60], scorer, 100)
    assert [(push.text, push.score) for push in pushes[0]] == [
        ("so ", 0.04),
        ("good, ", 0.0),
        ("good\n", 2.0),
        ("bad ", -1.0),
        ("it", 0.0),
    ]
    assert [push.weight for push in pushes[0]] == [0.0, 0.0, 1.0, -0.5, 0.0]
    assert pushes[1] == []
    assert pushes[2][0].weight == -1.0
    assert scorer.passes == 2


def test_long_texts_are_searched_where_it_matters():
    words = [f"w{number}" for number in range(400)]
    words[217], words[301] = "awful", "lovely"
    scorer = BagOfWords({"awful": -3.0, "lovely": 1.5})
    (pushes,) = explain([" ".join(words)], [60], scorer, 10_000)
    assert "".join(push.text for push in pushes) == " ".join(words)
    assert len(scorer.asked) <= 61
    assert [(push.text, push.score) for push in pushes if push.text == "awful "] == [("awful ", -3.0)]
    found = {push.score: push.text for push in pushes if push.weight}
    assert found.keys() == {-3.0, 1.5}
    assert "lovely" in found[1.5]


@given(st.lists(texts, max_size=4), st.integers(1, 12), st.integers(0, 60))
def test_pushes_are_the_shown_text_and_cost_what_is_allowed(many, allowed, shown):
    scorer = BagOfWords({"a": 1.0})
    found = explain(many, [allowed] * len(many), scorer, shown)
    assert ["".join(push.text for push in pushes) for pushes in found] == [text[:shown] for text in many]
    assert len(scorer.asked) <= len(many) * (allowed + 1)
    assert all(-1 <= push.weight <= 1 for pushes in found for push in pushes)


def test_what_is_not_shown_is_still_seen():
    scorer = BagOfWords({"good": 1.0})
    explain(["good and good"], [9], scorer, 5)
    assert scorer.asked == [(0, "good and good"), (0, "and good")]


def test_where_nothing_matters_nothing_is_marked_strongly():
    (pushes,) = explain(["a b"], [9], BagOfWords({"a": 0.01}), 9)
    assert pushes[0].weight == pytest.approx(0.01 / WEAKEST)
    (pushes,) = explain(["a b"], [9], BagOfWords({"a": 0.001}), 9)
    assert pushes[0].weight == 0


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 300)), max_size=24), st.integers(0, 100_000))
def test_allotments_keep_to_the_budget(sizes, budget):
    words, costs = [size for size, _ in sizes], [cost for _, cost in sizes]
    found = allotment(words, costs, budget)
    least = [min(count, FEWEST_SPANS) for count in words]
    assert all(
        low <= got <= min(count, MOST_SPANS) for low, got, count in zip(least, found, words, strict=True)
    )
    spent = sum(got * cost for got, cost in zip(found, costs, strict=True))
    assert spent <= budget + sum(low * cost for low, cost in zip(least, costs, strict=True))


def test_log_odds_of_many_classes():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.01, 0.01, 0.98]])
    found = log_odds(np.log(probabilities) + 5, np.array([0, 2]))
    np.testing.assert_allclose(found, np.log([0.7 / 0.3, 0.98 / 0.02]))
    assert log_odds(np.array([[1e4, -1e4]], np.float32), np.array([0])) == 2e4

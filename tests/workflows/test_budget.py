import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.errors import UsageError
from tlzoo.workflows.budget import Budget, in_words, parse_budget


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("2h 5m 1s", 7501),
        ("45", 45),
        (" 10M ", 600),
    ],
)
def test_spans_of_time(text, seconds):
    assert parse_budget(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "10 minutes", "-5m", "0", "0m", "1d", "10m5", "1e3", "ten", "∞", "٣m"]
)
def test_what_is_none(text):
    with pytest.raises(UsageError, match="no span of time"):
        parse_budget(text)


@given(st.text(max_size=12))
def test_any_text_is_a_span_or_refused_in_words(text):
    try:
        seconds = parse_budget(text)
    except UsageError:
        return
    assert 0 < seconds < math.inf


@given(st.integers(1, 99), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(hours, minutes, seconds):
    assert parse_budget(f"{hours}h{minutes}m{seconds}s") == 3600 * hours + 60 * minutes + seconds


def test_a_budget_counts_earlier_sittings():
    budget = Budget(100, before=90)
    assert 90 <= budget.spent < 95
    assert budget.left <= 10
    assert budget.share(0.1) == 10
    assert budget.deadline(reserve=5).at < Budget(200, before=90).deadline().at


def test_without_a_bound_nothing_ends():
    budget = Budget()
    assert budget.left == math.inf
    assert budget.deadline() is None
    assert budget.share(0.1) == 0


@pytest.mark.parametrize(
    ("seconds", "words"), [(3.4, "3 s"), (372.4, "6 min 12 s"), (5400, "1 h 30 min"), (math.inf, "no bound")]
)
def test_words(seconds, words):
    assert in_words(seconds) == words

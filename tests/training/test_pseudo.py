import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tlzoo.plans import Pseudo
from tlzoo.training.pseudo import PseudoLabels, sure

NINE = Pseudo(confidence=0.9)


def said(*confidences, of=2):
    """Rows that are so sure of class 0 (positive) or 1 (negative)."""
    rows = [[abs(each), 1 - abs(each)] if each > 0 else [1 - abs(each), abs(each)] for each in confidences]
    return np.array([row + [0.0] * (of - 2) for row in rows])


def test_only_what_is_sure_enough_gets_a_label():
    rows, labels = sure(said(0.95, 0.6, -0.91, 0.89), np.array([0.5, 0.5]), NINE)
    assert rows.tolist() == [0, 2]
    assert labels.tolist() == [0, 1]
    assert rows.dtype == labels.dtype == np.int64


def test_no_class_gets_more_than_its_share_and_the_surest_go_first():
    rows, labels = sure(said(0.91, 0.99, 0.95, -0.92), np.array([0.5, 0.5]), NINE)
    assert rows.tolist() == [1, 2, 3]
    assert labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("probabilities", [np.zeros((0, 2)), said(0.6, -0.7)])
def test_nothing_may_be_sure(probabilities):
    rows, labels = sure(probabilities, np.array([0.5, 0.5]), NINE)
    assert len(rows) == len(labels) == 0


@given(
    arrays.arrays(np.float64, st.tuples(st.integers(0, 40), st.just(3)), elements=st.floats(0.01, 1)),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
    st.floats(0, 1),
)
def test_whatever_is_said_the_rules_hold(raw, counts, confidence):
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    shares = np.array(counts) / sum(counts)
    rows, labels = sure(probabilities, shares, Pseudo(confidence=confidence))
    assert (np.diff(rows) > 0).all()
    assert (probabilities[rows].max(axis=1) >= confidence).all()
    assert (probabilities[rows].argmax(axis=1) == labels).all()
    assert (np.bincount(labels, minlength=3) <= np.ceil(shares * len(raw))).all()


def test_facts_name_classes():
    found = PseudoLabels(np.array([4, 7, 9]), np.array([1, 1, 0]), 12, 1.23456)
    assert found.facts(("a", "b", "c")) == {
        "examples": 12,
        "labelled": 3,
        "counts": {"a": 1, "b": 2, "c": 0},
        "temperature": 1.2346,
    }

import numpy as np

from tlzoo.evaluation.texts import fact_rows, remarks, text_facts


def facts(**changes):
    given = {"shortened": 2, "length": 256, "long_text": "head", "unknown": 3} | changes
    return text_facts(np.array([10, 20, 300, 400]), **given)


def test_facts():
    assert facts() == {
        "tokens": {"median": 20, "p95": 400, "max": 400},
        "shortened": 2,
        "shortened_share": 0.5,
        "length": 256,
        "long_text": "head",
        "out_of_vocabulary": 3 / 730,
    }


def test_nothing_is_known_of_strings_and_nothing_divided_by_none():
    for empty in (text_facts(None), text_facts(np.zeros(0, np.int64), unknown=0)):
        assert (empty["tokens"], empty["out_of_vocabulary"]) == (None, None)
        assert fact_rows(empty) == []
        assert remarks(empty, 512) == []
    assert text_facts(np.zeros(3, np.int64), unknown=0)["tokens"] == {"median": 0, "p95": 0, "max": 0}
    assert fact_rows(None) == remarks(None, 0) == []


def test_rows():
    assert dict(fact_rows(facts())) == {
        "Tokens a text": "median 20, 95% have up to 400, the longest has 400",
        "Shortened": "2 texts (50.0%)",
        "Not in the vocabulary": "0.4% of the tokens",
    }
    assert "Not in the vocabulary" not in dict(fact_rows(facts(unknown=None)))


def test_remarks_name_only_what_helps():
    assert remarks(facts(shortened=0), 512) == []
    (both,) = remarks(facts(), 300)
    assert both.startswith(
        "2 texts (50.0%) were longer than 256 tokens and were shortened: try --set length=300 or"
    )
    assert remarks(facts(), 256)[0].endswith("shortened: try --set long_text=chunks.")
    assert remarks(facts(long_text="chunks"), 512)[0].endswith(
        "read and were shortened: try --set length=512."
    )
    assert remarks(facts(long_text="chunks"), 256)[0].endswith("that are read and were shortened.")
    (strange,) = remarks(facts(shortened=0, unknown=365), 512)
    assert "50.0% of the tokens are not in the backbone's vocabulary" in strange
    assert "tlzoo train-vectors" in strange

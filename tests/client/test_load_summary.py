"""Figures of load, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.client.load import Samples
from tlzoo.client.load_summary import over_time, quantile, summarize


def samples(rows, seconds=2.0):
    due, sent, done, codes = zip(*rows, strict=True) if rows else ((), (), (), ())
    words = np.empty(len(codes), object)
    words[:] = codes
    return Samples(
        np.array(due, float), np.array(sent, float), np.array(done, float), words, {"404": "no"}, seconds, 0.5
    )


ROWS = [
    (-0.5, -0.5, 0.2, "OK"),  # asked before anything counted, answered while it did
    (0.0, 0.1, 0.4, "OK"),
    (0.5, 0.5, 1.1, "OK"),
    (1.0, 1.0, 1.2, "404"),
    (1.9, 1.9, 2.3, "OK"),  # answered too late for throughput
]


def test_latencies_throughput_and_errors():
    found = summarize(samples(ROWS))
    assert found.requests == 4
    assert found.latencies["mean"] == pytest.approx((0.4 + 0.6 + 0.4) / 3)
    assert found.latencies["p50"] == pytest.approx(0.4)
    assert found.latencies["max"] == pytest.approx(0.6)
    assert found.throughput == 1.5
    assert found.errors == {"404": 1}
    assert found.late == pytest.approx(0.1)
    assert found.cpu == 0.25


def test_nothing_answered_is_no_number():
    found = summarize(samples([]))
    assert found.requests == 0
    assert np.isnan(found.latencies["p99"])
    assert found.throughput == 0


def test_throughput_over_time():
    starts, rates = over_time(samples(ROWS))
    assert starts.tolist() == [0, 1]
    assert rates.tolist() == [2, 1]
    _, rates = over_time(samples(ROWS, seconds=0.5))
    assert rates.tolist() == [4]


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1))
def test_quantiles_are_least_values_that_enough_do_not_exceed(values, share):
    ordered = np.sort(values)
    found = quantile(ordered, share)
    assert (ordered <= found).mean() >= share - 1e-6
    assert found == ordered[0] or (ordered < found).mean() < share + 1e-6

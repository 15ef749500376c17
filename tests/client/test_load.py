"""Load: what is sent, when it was due, and what is said of answers that do not come."""

import asyncio
import itertools
from dataclasses import replace

import grpc
import numpy as np
import pytest

from tests.client.trivial_server import OK, grpc_server, http_server
from tlzoo.client.address import Address
from tlzoo.client.load import Load, _arrivals, apply
from tlzoo.client.load_wires import wires
from tlzoo.client.options import Settings

SHORT = Load(connections=4, seconds=30, requests=40, warmup_seconds=0.05)


def rest(port, load=SHORT, bodies=(b"a", b"bb")):
    head = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    return run(f"http://127.0.0.1:{port}", load, [head % len(body) + body for body in bodies])


def run(url, load, requests, settings=None):
    return asyncio.run(apply(load, requests, wires(Address.parse(url), settings or Settings())))


def counted(samples):
    return int((samples.due >= 0).sum())


def test_requests_are_sent_in_turn_and_as_many_as_were_asked_for():
    with http_server() as (port, seen):
        samples = rest(port)
    assert set(samples.codes) == {"OK"}
    # Callers who asked before the last one counted finish; nobody asks after that.
    assert counted(samples) == 40
    assert len(seen) == len(samples.due)
    assert abs(seen.count(b"a") - seen.count(b"bb")) <= 1
    assert (samples.done >= samples.sent).all()
    assert (samples.sent == samples.due).all() or np.abs(samples.sent - samples.due).max() < 0.1
    assert 0 < samples.seconds < 30


def test_grpc_sends_the_same_bytes():
    with grpc_server() as (port, seen):
        samples = run(f"grpc://127.0.0.1:{port}", SHORT, [b"one", b"two"])
    assert set(samples.codes) == {"OK"}
    assert counted(samples) == 40
    assert set(seen) == {b"one", b"two"}


def test_more_callers_than_connections_by_grpc(monkeypatch):
    monkeypatch.setattr("tlzoo.client.load_wires.MOST_CHANNELS", 2)
    with grpc_server() as (port, _):
        samples = run(f"grpc://127.0.0.1:{port}", replace(SHORT, connections=9), [b"one"])
    assert counted(samples) == 40


def test_an_open_loop_counts_from_when_requests_were_due():
    held = itertools.count()

    def answer(number):
        # The third answer never comes by itself: its caller gives up after the timeout.
        return None if number == 3 else OK

    load = Load(
        connections=1, rate=50, arrivals="even", seconds=2, requests=20, warmup_seconds=0, timeout=0.5
    )
    with http_server(answer) as (port, _):
        samples = rest(port, load)
    del held
    assert sorted(set(samples.codes)) == ["OK", "TIMEOUT"]
    assert counted(samples) == 20
    np.testing.assert_allclose(np.diff(np.sort(samples.due)), 1 / 50, atol=1e-9)
    waited = samples.sent - samples.due
    # Those behind the one that was not answered were due long before they could be sent.
    assert waited[samples.codes == "OK"].max() > 0.3
    assert ((samples.done - samples.due) >= waited).all()


def test_arrivals():
    even = list(itertools.islice(_arrivals(Load(rate=10, arrivals="even")), 3))
    assert even == [0, 0.1, 0.2]
    some = np.diff(list(itertools.islice(_arrivals(Load(rate=10)), 5000)))
    assert some.mean() == pytest.approx(0.1, rel=0.05)
    assert some.std() == pytest.approx(0.1, rel=0.05)
    again = np.diff(list(itertools.islice(_arrivals(Load(rate=10)), 5000)))
    assert (some == again).all()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n" + b'{"error": "no"}', "404"),
        (b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy", "503"),
        (b"", "DISCONNECTED"),
        (b"hello\r\n\r\n", "NO_HTTP"),
    ],
)
def test_errors_are_counted_by_code(answer, code):
    with http_server(lambda number: answer) as (port, _):
        samples = rest(port, replace(SHORT, requests=6, connections=2))
    assert set(samples.codes) == {code}
    assert list(samples.messages) == [code]
    if code == "404":
        assert samples.messages == {"404": '{"error": "no"}'}


def test_errors_by_grpc():
    with grpc_server(grpc.StatusCode.NOT_FOUND) as (port, _):
        samples = run(f"grpc://127.0.0.1:{port}", replace(SHORT, requests=4), [b""])
    assert set(samples.codes) == {"NOT_FOUND"}
    assert samples.messages == {"NOT_FOUND": "no"}


def test_nobody_there():
    with http_server() as (port, _):
        pass
    samples = rest(port, replace(SHORT, requests=3, connections=1))
    assert set(samples.codes) == {"UNREACHABLE"}


def test_answers_in_pieces_and_connections_that_close_each_time():
    closing = (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    with http_server(lambda number: closing) as (port, seen):
        samples = rest(port)
    assert set(samples.codes) == {"OK"}
    assert len(seen) == len(samples.due)


def test_tokens_travel_by_grpc():
    seen = []

    class Wire:
        def __init__(self, *given, **more):
            seen.append(more["metadata"])

    settings = Settings(token="open")
    from tlzoo.client.load_wires import Channels

    assert Channels(Address.parse("grpc://x"), settings, "Predict").headers == (
        ("authorization", "Bearer open"),
    )

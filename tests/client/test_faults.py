"""Servers that are away, busy, slow or none at all."""

import threading
import time

import grpc
import numpy as np
import pytest

from tests.client import faults
from tests.client.contract_grpc import grpc_server
from tests.client.contract_rest import rest
from tlzoo.client import Client, retry, wire_pb2
from tlzoo.errors import NoAnswerError, RefusedError, ReplyError, ServerError

HOPELESS = 1000.0
"""Seconds that no test waits for."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.02)


def half(client):
    return client.call({"x": 1.0})["y"]


# ------------------------------------------------------------------------------------------------ tried again


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        faults.busy(),
        faults.status(429, {"error": "too many"}),
        faults.status(502, b"<html>bad gateway</html>", Content_Type="text/html"),
        faults.status(503, b"upstream away", Content_Type="text/plain"),
        faults.reset,
        faults.hang_up,
        faults.truncated,
    ],
    ids=["503", "429", "gateway-502", "gateway-503", "reset", "hang-up", "truncated"],
)
def test_http_that_may_work_a_moment_later(connect, http_url, models, fault):
    models.faults.extend([fault, fault])
    with connect(http_url, "half_plus_two") as client:
        assert half(client) == np.float32(3.5)
    assert len(models.asked) == 4  # metadata three times, then the answer


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_grpc_that_may_work_a_moment_later(connect, grpc_url, models, code):
    models.faults.extend([(code, "busy")] * 2)
    with connect(grpc_url, "half_plus_two") as client:
        assert half(client) == np.float32(3.5)
    assert len(models.asked) == 4


def test_no_more_often_than_asked_for(connect, http_url, models):
    models.faults.extend([faults.busy()] * 9)
    with connect(http_url, "half_plus_two", retries=2) as client, pytest.raises(RefusedError) as caught:
        half(client)
    assert len(models.asked) == 3
    assert (caught.value.code, caught.value.message) == ("UNAVAILABLE", "busy")
    models.asked.clear()
    with connect(http_url, "half_plus_two", retries=0) as client, pytest.raises(RefusedError):
        half(client)
    assert len(models.asked) == 1


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_comes_late_is_waited_for(connect, models, scheme):
    """The port is closed at first: the connection is refused."""
    serve, port = (rest, faults.closed_port()) if scheme == "http" else (grpc_server, faults.closed_port())
    with connect(f"{scheme}://127.0.0.1:{port}", "half_plus_two") as client:
        assert client.ready() is False
        with pytest.raises(NoAnswerError, match=r"nothing answered at .*Connection refused") as caught:
            half(client)
        assert caught.value.code == "UNAVAILABLE"
        opened = threading.Event()
        done = threading.Event()

        def later():
            with serve(models, port=port):
                opened.set()
                done.wait(60)

        timer = threading.Timer(0.2, later)
        timer.start()
        try:
            client.wait_until_ready(60)
            assert opened.is_set()
            assert client.ready() is True
            assert half(client) == np.float32(3.5)
        finally:
            done.set()
            timer.join()


# -------------------------------------------------------------------------------------------- not tried again


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 413, 500, 501, 504])
def test_http_that_means_it(connect, http_url, models, code):
    models.faults.append(faults.status(code, {"error": "no and no"}))
    with connect(http_url, "half_plus_two") as client, pytest.raises(ServerError) as caught:
        half(client)
    assert len(models.asked) == 1
    assert caught.value.message == "no and no"
    assert isinstance(caught.value, NoAnswerError if code == 504 else RefusedError)
    assert caught.value.allowed
    assert caught.value.do


@pytest.mark.parametrize(
    "code",
    [code for code in grpc.StatusCode if code.name not in ("OK", "UNAVAILABLE", "RESOURCE_EXHAUSTED")],
)
def test_grpc_that_means_it(connect, grpc_url, models, code):
    models.faults.append((code, "no and no"))
    with connect(grpc_url, "half_plus_two") as client, pytest.raises(ServerError) as caught:
        half(client)
    assert len(models.asked) == 1
    assert (caught.value.code, caught.value.message) == (code.name, "no and no")


def test_a_message_too_large_for_the_server_is_not_sent_again(connect, models):
    with grpc_server(models, max_receive_message_length=10_000) as port:
        url = f"grpc://127.0.0.1:{port}"
        with (
            connect(url, "half_plus_two") as client,
            pytest.raises(RefusedError, match="larger than max") as caught,
        ):
            client.call({"x": np.zeros(10_000, np.float32)})
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert len(models.asked) == 1  # metadata


@pytest.mark.slow
def test_replies_beyond_grpcs_default_limit(connect, models):
    """4 MB is what a client takes unless it says otherwise."""
    unlimited = {"max_receive_message_length": -1, "max_send_message_length": -1}
    with (
        grpc_server(models, **unlimited) as port,
        connect(f"grpc://127.0.0.1:{port}", "half_plus_two") as client,
    ):
        assert client.call({"x": np.zeros(3_000_000, np.float32)})["y"].nbytes > 10_000_000


# ------------------------------------------------------------------------------------------------ Retry-After


def test_retry_after_is_waited_for(connect, http_url, models, monkeypatch):
    waits = []
    monkeypatch.setattr(retry, "wait", lambda attempt, asked=None: waits.append((attempt, asked)) or 0.0)
    date = faults.http_date(40)
    models.faults.extend(
        [
            faults.busy(Retry_After="2"),
            faults.busy(Retry_After=date),
            faults.status(429, b"slow down", Content_Type="text/plain", Retry_After="nonsense"),
        ]
    )
    with connect(http_url, "half_plus_two") as client:
        assert half(client) == np.float32(3.5)
    assert [attempt for attempt, _ in waits] == [1, 2, 3]
    assert waits[0][1] == 2.0
    assert 30 < waits[1][1] <= 41
    assert waits[2][1] is None


def test_the_same_in_grpc(connect, grpc_url, models, monkeypatch):
    waits = []
    monkeypatch.setattr(retry, "wait", lambda attempt, asked=None: waits.append((attempt, asked)) or 0.0)
    models.faults.append((grpc.StatusCode.UNAVAILABLE, "busy", ("grpc-retry-pushback-ms", "1500")))
    with connect(grpc_url, "half_plus_two") as client:
        half(client)
    assert waits == [(1, 1.5)]


def test_a_wait_beyond_the_time_limit_is_not_begun(connect, http_url, models):
    models.faults.append(faults.busy(Retry_After=str(int(HOPELESS))))
    with connect(http_url, "half_plus_two", timeout=60) as client, pytest.raises(RefusedError, match="busy"):
        half(client)
    assert len(models.asked) == 1


# ------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_says_nothing(connect, scheme):
    with faults.silent() as port, connect(f"{scheme}://127.0.0.1:{port}", "m", timeout=0.3) as client:
        began = time.monotonic()
        with pytest.raises(NoAnswerError) as caught:
            half(client)
        assert time.monotonic() - began < HOPELESS
    assert caught.value.code in ("DEADLINE_EXCEEDED", "UNAVAILABLE")


@pytest.mark.slow
def test_a_slow_computation(connect, url, models):
    with connect(url, "half_plus_two", timeout=0.5) as client:
        client.metadata()
        models.slowly = 2.0
        with pytest.raises(NoAnswerError, match=r"did not answer (within 0.5 s|in time)") as caught:
            half(client)
        models.slowly = 0.0
    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_a_reply_that_drips(connect, http_url, models):
    """No single read takes long; only the whole does."""
    models.faults.append(faults.dripping)
    with connect(http_url, "half_plus_two", timeout=0.5) as client:
        with pytest.raises(NoAnswerError, match=r"within 0\.5 s"):
            half(client)
        assert half(client) == np.float32(3.5)


def test_the_last_failure_is_told_when_time_is_over(connect, http_url, models):
    models.faults.extend([faults.busy(), faults.dripping])
    with (
        connect(http_url, "half_plus_two", timeout=0.5) as client,
        pytest.raises(NoAnswerError, match="busy"),
    ):
        half(client)


# ------------------------------------------------------------------------------------------------ foreign replies


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.status(200, b"<html>Welcome</html>", Content_Type="text/html"), "no JSON"),
        (faults.status(200, b"[1, 2]"), "no object"),
        (faults.status(200, b'{"outputs": [1'), "no JSON"),
        (faults.status(200, b"[" * 100_000), "no JSON"),
        (faults.status(200, b'{"outputs": 1' + b"1" * 10_000 + b"}"), "no JSON"),
        (faults.status(200, {}), "another form|no metadata"),
        (
            faults.status(404, b"<h1>Not Found</h1>\n", Content_Type="text/html"),
            "404 Not Found with text/html",
        ),
        (faults.status(404, {"detail": "Not Found"}), "404 Not Found with application/json"),
        (faults.status(302, b"", Location="https://login.example/"), "asked at 'https://login.example/'"),
    ],
)
def test_what_is_no_model_server(connect, http_url, models, fault, words):
    models.faults.append(fault)
    with connect(http_url, "half_plus_two") as client, pytest.raises(ReplyError, match=words) as caught:
        half(client)
    assert len(models.asked) == 1
    assert caught.value.do


@pytest.mark.parametrize("words", [b"220 smtp.example ESMTP\r\n\r\n", b"\0\0\x18\x04\0\0\0\0\0"])
def test_what_is_no_http(connect, words):
    with (
        faults.babbling(words) as port,
        connect(f"http://127.0.0.1:{port}", "m", retries=1) as client,
        pytest.raises(ReplyError, match="no HTTP"),
    ):
        half(client)


@pytest.mark.parametrize(
    "proto", [{"dtype": 99}, {"dtype": 1, "tensor_shape": {"dim": [{"size": 2**40}]}}, b"\xff\xff"]
)
def test_replies_by_grpc_that_are_no_tensors(connect, models, proto, monkeypatch):
    """A shape that would fill the memory is one of them."""
    reply = (
        proto
        if isinstance(proto, bytes)
        else wire_pb2.PredictResponse(outputs={"y": wire_pb2.TensorProto(**proto)})
    )
    sent = reply if isinstance(reply, bytes) else reply.SerializeToString()
    with (
        grpc_server(models, predict_reply=sent) as port,
        connect(f"grpc://127.0.0.1:{port}", "half_plus_two") as client,
        pytest.raises(ReplyError),
    ):
        half(client)


def test_this_machine_is_asked_without_a_proxy(connect, url, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
        for spelling in (name, name.upper()):
            monkeypatch.setenv(spelling, f"http://127.0.0.1:{faults.closed_port()}")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with connect(url, "half_plus_two") as client:
        assert half(client) == np.float32(3.5)


def test_http_to_the_port_of_grpc(connect, models):
    with grpc_server(models) as port, connect(f"http://127.0.0.1:{port}", "m") as client:  # noqa: SIM117
        with pytest.raises(ServerError, match=r"no HTTP|broke"):
            half(client)


def test_grpc_to_the_port_of_http(connect, models):
    with rest(models) as port, connect(f"grpc://127.0.0.1:{port}", "m") as client:  # noqa: SIM117
        with pytest.raises(ReplyError, match="no gRPC"):
            half(client)


@pytest.mark.parametrize(
    "outputs",
    [{"outputs": {"a": [1.0]}}, {"outputs": ["x"]}, {"outputs": [[1.0], [1.0, 2.0]]}, {"out": 1}],
)
def test_outputs_that_do_not_fit_the_signature(connect, http_url, models, outputs):
    models.faults.extend([faults.fine, faults.status(200, outputs)])
    with connect(http_url, "half_plus_two") as client, pytest.raises(ReplyError):
        half(client)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_name_that_nobody_has(connect, scheme):
    url = f"{scheme}://name.invalid:1"
    with (
        connect(url, "m", retries=0) as client,
        pytest.raises(NoAnswerError, match=f"nothing answered at {url}"),
    ):
        half(client)


# ---------------------------------------------------------------------------------------------------- ready


@pytest.mark.slow
def test_ready_is_about_the_version_that_was_asked_for(connect, url):
    for options, want in (
        ({}, True),
        ({"version": 9}, False),
        ({"label": "odd"}, False),
        ({"label": "stable"}, True),
    ):
        with connect(url, "half_plus_two", **options) as client:
            assert client.ready() is want
    with (
        connect(url, "nobody") as client,
        pytest.raises(NoAnswerError, match="is not ready after 1 s") as caught,
    ):
        client.wait_until_ready(1.0)
    assert caught.value.code == "NOT_FOUND"


@pytest.mark.parametrize("code", [401, 403])
def test_waiting_does_not_help_whoever_is_not_let_in(connect, http_url, models, code):
    models.faults.append(faults.status(code, {"error": "no"}))
    with connect(http_url, "half_plus_two") as client, pytest.raises(RefusedError):
        client.wait_until_ready(HOPELESS)


def test_a_model_that_is_replaced_by_one_of_another_kind(http_url, models, fixture_models):
    """What was remembered does not fit any more, and is asked for anew."""
    models.versions["m"] = {1: fixture_models["half_plus_two"][123]}
    with Client(http_url, "m") as client:
        assert client.call({"x": 1.0})["y"] == 2.5
        models.versions["m"] = {2: fixture_models["shapes"][1]}
        assert client.call({"feats": [[1.0, 2.0, 3.0]]})["scores"].tolist() == [[4.0, 5.0]]

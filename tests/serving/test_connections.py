"""What one connection may do, and for how long."""

import contextlib
import socket
import time

import pytest

from tests.serving.whole_server import running
from tlzoo.serving import connections
from tlzoo.serving.options import ModelConfig, ServerOptions

BODY = b'{"instances": [1.0]}'
ASK = b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n" + BODY
STATUS = b"GET /v1/models/half_plus_two HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def server(models):
    model = ModelConfig("half_plus_two", models / "half_plus_two")
    with running(ServerOptions((model,), grpc_port=0)) as found:
        yield found


@contextlib.contextmanager
def connected(server):
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as caller:
        yield caller


def everything(caller) -> bytes:
    """Reads until the server closes the connection, or breaks it."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while data := caller.recv(65536):
            got += data
    return got


def answer(caller) -> bytes:
    """Reads one whole answer."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += caller.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    while len(body) < length:
        body += caller.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_whoever_sends_no_whole_head_is_cut_off(server, monkeypatch, sent):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    with connected(server) as caller:
        caller.sendall(sent)
        assert everything(caller) == b""


def test_time_for_a_head_begins_anew_with_each_request(server, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    with connected(server) as caller:
        caller.sendall(STATUS)
        assert answer(caller).startswith(b"HTTP/1.1 200")
        # Nobody has begun to send: the connection is kept alive, longer than a head may take.
        time.sleep(0.5)
        caller.sendall(STATUS)
        assert answer(caller).startswith(b"HTTP/1.1 200")
        caller.sendall(STATUS[:-2])
        assert everything(caller) == b""


@pytest.mark.parametrize("line", [b"a: b\r\n", b"a" * 1000])
def test_heads_have_a_size(server, line):
    with connected(server) as caller:
        with contextlib.suppress(ConnectionError):
            caller.sendall(b"GET / HTTP/1.1\r\n")
            for _ in range(2 * connections.MOST_HEAD_BYTES // len(line) // 1000 + 1):
                caller.sendall(line * 1000)
        assert everything(caller).startswith(b"HTTP/1.1 431")


def test_long_names_below_that_size_are_looked_for(server):
    with connected(server) as caller:
        caller.sendall(STATUS.replace(b"half", b"h" * 60_000))
        assert answer(caller).startswith(b"HTTP/1.1 404")


def test_whoever_has_said_everything_may_still_listen(server):
    with connected(server) as caller:
        caller.sendall(ASK)
        caller.shutdown(socket.SHUT_WR)
        got = everything(caller)
        assert got.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in got.lower()
    with connected(server) as caller:
        caller.sendall(ASK[:-5])
        caller.shutdown(socket.SHUT_WR)
        assert everything(caller) == b""


def test_what_is_no_http_never_overtakes_the_request_before_it(server):
    with connected(server) as caller:
        caller.sendall(ASK + b"garbage\r\n\r\n")
        got = everything(caller)
        assert got.startswith(b"HTTP/1.1 200")
        assert b"3.5" in got
        assert got.count(b"HTTP/1.1") == 1


def test_answers_that_nobody_reads_are_thrown_away(server, monkeypatch):
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.2)
    with connected(server) as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = b'{"instances": [%s]}' % b",".join([b"1.5"] * 400_000)
        head = b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        request = head % len(body) + body
        for _ in range(4):
            caller.sendall(request)
        deadline = time.monotonic() + 60
        while any(server.server._http.server_state.connections) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not server.server._http.server_state.connections


def test_callers_cannot_say_that_they_are_somebody_else(models, tmp_path):
    from dataclasses import replace

    from tlzoo.serving.options import Additions

    log = tmp_path / "access"
    model = ModelConfig("half_plus_two", models / "half_plus_two")
    options = ServerOptions((model,), grpc_port=0, additions=Additions(access_log=str(log)))
    with running(replace(options)) as server:
        server.ask("GET", "/v1/models/half_plus_two", headers={"X-Forwarded-For": "8.8.8.8"})
    assert "8.8.8.8" not in log.read_text()
    assert "127.0.0.1" in log.read_text()

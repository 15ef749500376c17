"""The server as a whole: what it adds to the contract, how it starts, and how it goes."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.whole_server import free_port, running
from tlzoo.errors import BundleError, UsageError
from tlzoo.serving.options import METRICS_PATH, Additions, BatchingOptions, ModelConfig, Policy, ServerOptions

PREDICT = "/v1/models/half_plus_two:predict"
BODY = '{"instances": [1.0]}'
LATEST = {"predictions": [3.5]}


@pytest.fixture
def options(models):
    return ServerOptions(
        (ModelConfig("half_plus_two", models / "half_plus_two"),), grpc_port=0, max_load_retries=0
    )


def test_operators_see_whether_it_lives_and_is_ready(options):
    with running(options) as server:
        for path in ("/healthz", "/readyz"):
            assert server.ask("GET", path).status == 200
        server.server._operators.draining = True
        assert (server.ask("GET", "/healthz").status, server.ask("GET", "/readyz").status) == (200, 503)
        answered = server.ask("POST", PREDICT, BODY)
        assert (answered.status, answered.headers["connection"]) == (200, "close")


def test_people_see_a_page_with_names_that_do_no_harm(options):
    odd = ModelConfig("</script><b>&", options.models[0].base_path)
    with running(replace(options, models=(*options.models, odd))) as server:
        page = server.ask("GET", "/")
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        text = page.body.decode()
        assert '"half_plus_two"' in text
        assert str(options.models[0].base_path) not in text
        assert text.count("</script>") == 1
        assert server.ask("GET", "/favicon.ico").status == 404
    with running(replace(options, additions=Additions(index_page=False))) as server:
        assert server.ask("GET", "/").status == 404


def test_bodies_have_a_limit(options):
    with running(
        replace(options, additions=Additions(max_request_bytes=1000, max_inflated_bytes=500))
    ) as server:
        assert server.ask("POST", PREDICT, BODY).status == 200
        refused = server.ask("POST", PREDICT, BODY + " " * 1000)
        assert (refused.status, "larger than 1000 bytes" in refused.json["error"]) == (413, True)
        gzipped = {"Content-Encoding": "gzip"}
        assert server.ask("POST", PREDICT, gzip.compress(BODY.encode()), gzipped).json == LATEST
        bomb = gzip.compress(BODY.encode() + b" " * 600)
        assert "document is empty" in server.ask("POST", PREDICT, bomb, gzipped).json["error"]


def test_requests_at_a_time_have_a_limit(options):
    with running(replace(options, additions=Additions(max_concurrent_requests=1))) as server:
        server.server._limits._running = 1
        refused = server.ask("POST", PREDICT, BODY)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert server.ask("GET", "/readyz").status == 200
        server.server._limits._running = 0
        assert server.ask("POST", PREDICT, BODY).status == 200


def test_tokens_guard_all_but_health(options, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("open-sesame\n")
    with running(
        replace(options, additions=Additions(token_file=tokens), metrics_path=METRICS_PATH)
    ) as server:
        for path in ("/", METRICS_PATH, "/v1/models/half_plus_two", PREDICT):
            refused = server.ask("GET", path)
            assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert server.ask("GET", "/readyz").status == 200
        assert server.ask("POST", PREDICT, BODY, {"Authorization": "Bearer open-sesame"}).json == LATEST


def test_logs_of_requests(options, tmp_path):
    access, kept = tmp_path / "access.jsonl", tmp_path / "requests"
    more = Additions(access_log=str(access), request_log=kept, request_log_rate=1.0)
    with running(replace(options, additions=more)) as server:
        server.ask("POST", PREDICT, BODY)
        server.ask("POST", "/v1/models/nobody:predict", BODY)
    first, second = (json.loads(line) for line in access.read_text().splitlines())
    assert (first["model"], first["status"], first["code"], first["received"]) == (
        "half_plus_two",
        200,
        "OK",
        len(BODY),
    )
    assert (second["status"], second["code"]) == (404, "NOT_FOUND")
    assert first["milliseconds"] > 0
    records = [one for file in [kept] for one in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()]
    assert len(records) == 1
    assert kept.stat().st_mode & 0o077 == 0


def test_a_slow_caller_waits_alone(options, monkeypatch):
    monkeypatch.setattr("tlzoo.serving.rest.BODY_SECONDS", 0.2)
    with (
        running(options) as server,
        socket.create_connection(("127.0.0.1", server.rest_port)) as slow,
    ):
        slow.sendall(f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert server.ask("POST", PREDICT, BODY).json == LATEST
        slow.settimeout(30)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_what_does_not_belong_in_one_batch(models):
    batching = BatchingOptions(max_batch_size=8)
    both = tuple(ModelConfig(name, models / name) for name in ("dtypes", "half_plus_two"))
    with running(ServerOptions(both, grpc_port=0, batching=batching)) as server:
        unequal = '{"signature_name": "pair", "inputs": {"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}}'
        reply = server.ask("POST", "/v1/models/dtypes:predict", unequal)
        assert reply.status == 400
        assert "Batching Run() input tensors must have equal 0th-dimension size" in reply.json["error"]
        scalar = server.ask("POST", PREDICT, '{"inputs": 1.0}')
        assert scalar.status == 400
        assert "Batching Run() input tensors must have at least one dimension" in scalar.json["error"]
        assert server.ask("POST", PREDICT, BODY).json == LATEST


def test_batching_that_does_not_fit_together_stops_the_load(options):
    batching = BatchingOptions(max_batch_size=4, allowed_batch_sizes=(1, 2))
    with (
        pytest.raises(
            BundleError, match="Last entry in allowed_batch_sizes must match max_batch_size; last entry was 2"
        ),
        running(replace(options, batching=batching)),
    ):
        pass


def test_requests_that_run_end_before_the_server_does(models):
    both = ModelConfig("half_plus_two", models / "half_plus_two", Policy("all"))
    waits = BatchingOptions(max_batch_size=100, batch_timeout_micros=1_500_000)
    found = []
    with running(ServerOptions((both,), grpc_port=0, batching=waits)) as server:
        callers = [
            threading.Thread(target=lambda: found.append(server.ask("POST", PREDICT, BODY).json))
            for _ in range(4)
        ]
        for one in callers:
            one.start()
        while server.server._limits.running < 4:
            time.sleep(0.005)
    for one in callers:
        one.join()
    assert found == [LATEST] * 4


def test_a_port_that_is_taken_is_said_before_anything_is_loaded(options):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        from tlzoo.serving.server import Server

        with pytest.raises(UsageError, match=rf"127.0.0.1:{port} cannot be opened.*--rest_api_port"):
            Server(replace(options, rest_port=port))


@pytest.fixture
def command(models, tmp_path):
    port = free_port()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    words = ["serve", "--model_name=m", f"--model_base_path={models / 'half_plus_two'}"]
    words += [f"--rest_api_port={port}", "--port=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tlzoo", *words],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    yield process, port
    process.kill()
    process.communicate()


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_signals_end_the_command_in_order(command, name):
    import urllib.request

    process, port = command
    line = next(one for one in process.stderr if one.startswith("serving"))
    assert f"http://127.0.0.1:{port}" in line
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models/m:predict", BODY.encode())
    with urllib.request.urlopen(request, timeout=60) as reply:
        assert json.load(reply) == LATEST
    process.send_signal(name)
    assert process.wait(60) == 0


@pytest.mark.slow
def test_signals_end_a_start_that_would_wait_for_ever(tmp_path):
    words = ["serve", "--model_name=m", f"--model_base_path={tmp_path / 'later'}"]
    words += [f"--rest_api_port={free_port()}", "--port=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tlzoo", *words], stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    next(one for one in process.stderr if "Could not find base path" in one)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_columns_and_rows_of_large_numbers(models):
    with running(ServerOptions((ModelConfig("d", models / "dtypes"),), grpc_port=0)) as server:
        values = np.random.default_rng(0).normal(size=(4, 64, 64)).astype(np.float32)
        body = json.dumps({"signature_name": "f32", "instances": values.tolist()})
        answer = server.ask("POST", "/v1/models/d:predict", body)
        np.testing.assert_array_equal(np.array(answer.json["predictions"], np.float32), values)

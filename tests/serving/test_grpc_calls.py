"""What happens around a call: time, errors, doors, and what is told of it."""

import json

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import get_model_status_pb2

from tests.serving.asked import Echo
from tests.serving.messages import predict
from tests.serving.running import SECONDS, Running, options, refused
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.access_log import AccessLog
from tlzoo.serving.grpc_calls import _address, cut, grpc_code
from tlzoo.serving.options import Additions, ServerOptions

ASK = predict("echo", x=np.float32([1, 2]))


def echo(inference=None, **more):
    return Running(ServerOptions((), grpc_port=0), inference or Echo(), **more)


def guarded(inference=None, access_log=None, **additions):
    told = ServerOptions((), grpc_port=0, grpc_health=True, additions=Additions(**additions))
    return Running(told, inference or Echo(), access_log=access_log)


def counts(running, status):
    return running.metrics.request_count.value("echo", status)


def test_the_deadline_of_a_call_is_the_limit_of_its_computation():
    with echo() as running:
        running.prediction.Predict(ASK)
        running.prediction.Predict(ASK, timeout=SECONDS)
        without, within = running.core.timeouts
    assert without is None
    # gRPC rounds what it sends upwards.
    assert 0 < within < SECONDS + 1


def test_a_computation_out_of_time_is_told_as_such():
    error = ServingError(Code.DEADLINE_EXCEEDED, "Timed out after 1 seconds.")
    with echo(Echo(error)) as running:
        assert refused(running.prediction.Predict, ASK) == ("DEADLINE_EXCEEDED", "Timed out after 1 seconds.")
        assert counts(running, "DEADLINE_EXCEEDED") == 1


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK], ids=lambda code: code.name)
def test_codes_go_over_the_wire_as_they_are(code):
    with echo(Echo(ServingError(code, "Wörter\nof ours"))) as running:
        assert refused(running.prediction.Predict, ASK) == (code.name, "Wörter\nof ours")


def test_nobody_sees_what_broke_inside(caplog):
    with echo(Echo(ZeroDivisionError("secret of the house"))) as running:
        assert refused(running.prediction.Predict, ASK) == ("INTERNAL", "Internal error.")
        assert counts(running, "INTERNAL") == 1
        # The next one is answered.
        running.core.error = None
        assert list(running.prediction.Predict(ASK).outputs["y"].float_val) == [1, 2]
    assert "secret of the house" in caplog.text


def test_bytes_that_are_no_message():
    with echo() as running:
        call = running.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        assert refused(call, b"\xff\xff") == (
            "INTERNAL",
            "The bytes are no tensorflow.serving.PredictRequest.",
        )
        unknown = running.channel.unary_unary("/tensorflow.serving.PredictionService/Nope")
        assert refused(unknown, b"")[0] == "UNIMPLEMENTED"


def test_calls_are_counted_and_timed():
    with echo() as running:
        for _ in range(3):
            running.prediction.Predict(ASK)
        refused(running.prediction.Predict, predict(""))
        page = running.metrics.render()
    assert counts(running, "OK") == 3
    assert ':tensorflow:serving:request_count{model_name="",status="INVALID_ARGUMENT"} 1' in page
    labels = 'model_name="echo",API="Predict",entrypoint="GRPC"'
    assert f":tensorflow:serving:request_latency_count{{{labels}}} 3" in page


def test_a_line_for_each_call(tmp_path):
    path = tmp_path / "access.jsonl"
    log = AccessLog(str(path))
    with echo(access_log=log) as running:
        reply = running.prediction.Predict(ASK)
        asked = predict("echo", "nope", label="stable")
        refused(running.prediction.Predict, asked)
    log.close()
    first, second = map(json.loads, path.read_text().splitlines())
    assert first.pop("milliseconds") > 0
    assert first.pop("time")
    assert first == {
        "protocol": "GRPC",
        "method": "Predict",
        "path": "/tensorflow.serving.PredictionService/Predict",
        "model": "echo",
        "version": "1",
        "signature": "serving_default",
        "code": "OK",
        "received": ASK.ByteSize(),
        "sent": reply.ByteSize(),
        "client": "127.0.0.1",
    }
    # Nothing answered, so the line tells what was asked for.
    assert (second["version"], second["signature"], second["sent"]) == ("stable", "nope", 0)


def test_a_caller_who_goes_stops_the_computation(tmp_path):
    path = tmp_path / "access.jsonl"
    log = AccessLog(str(path))
    with echo(Echo(slow=True), access_log=log) as running:
        call = running.prediction.Predict.future(ASK)
        assert running.core.begun.wait(SECONDS)
        call.cancel()
        assert running.core.cancelled.wait(SECONDS)
        running.core.slow = False
        running.prediction.Predict(ASK)
        assert counts(running, "CANCELLED") == 1
        assert running.limits.running == 0
    log.close()
    assert [json.loads(line)["code"] for line in path.read_text().splitlines()] == ["CANCELLED", "OK"]


def test_without_a_token_nobody_gets_in(tmp_path):
    tokens, path = tmp_path / "tokens", tmp_path / "access.jsonl"
    tokens.write_text("one\ntwo\n")
    log = AccessLog(str(path))
    with guarded(token_file=tokens, access_log=log) as running:
        ask = running.prediction.Predict
        for metadata in ((), (("authorization", "Bearer three"),), (("authorization", "one"),)):
            code, text = refused(ask, ASK, metadata=metadata)
            assert code == "UNAUTHENTICATED"
            assert "Authorization: Bearer" in text
        assert ask(ASK, metadata=(("authorization", "Bearer two"),))
        assert (
            refused(running.model.GetModelStatus, get_model_status_pb2.GetModelStatusRequest())[0]
            == "UNAUTHENTICATED"
        )
        assert running.core.timeouts == [None]
        health(running)
    log.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["code"] for line in lines] == ["UNAUTHENTICATED"] * 3 + ["OK", "UNAUTHENTICATED"]
    assert lines[0]["method"] == "Predict"


def test_a_message_of_somebody_without_a_token_is_not_received(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("one\n")
    with guarded(token_file=tokens) as running:
        sent = []

        def messages():
            # The stream is never ended: a server that wanted the whole of it would wait for ever.
            while True:
                sent.append(1)
                yield bytes(1_000_000)

        call = running.channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
        assert refused(call, messages())[0] == "UNAUTHENTICATED"
        assert len(sent) < 100


def test_more_calls_than_may_run_are_refused_but_not_health():
    with guarded(Echo(slow=True), max_concurrent_requests=1) as running:
        first = running.prediction.Predict.future(ASK)
        assert running.core.begun.wait(SECONDS)
        code, text = refused(running.prediction.Predict, ASK)
        assert (code, "which is the limit" in text) == ("RESOURCE_EXHAUSTED", True)
        health(running)
        running.core.go.set()
        assert first.result(SECONDS)
        assert running.prediction.Predict(ASK)
    assert running.limits.running == 0


def health(running):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    stub = health_pb2_grpc.HealthStub(running.channel)
    assert stub.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


def test_real_models_are_told_of_with_the_version_that_answered(models, tmp_path):
    path = tmp_path / "access.jsonl"
    log = AccessLog(str(path))
    with Running(options(models), access_log=log) as running:
        running.prediction.Predict(predict(x=np.float32([2])))
        page = running.metrics.render()
    log.close()
    entry = json.loads(path.read_text())
    assert (entry["model"], entry["version"], entry["signature"]) == (
        "half_plus_two",
        "124",
        "serving_default",
    )
    assert (
        ':tensorflow:serving:runtime_latency_count{model_name="half_plus_two",API="Predict",runtime="TF1"} 1'
        in page
    )


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:33448", "127.0.0.1"),
        ("ipv6:%5B::1%5D:33448", "::1"),
        ("ipv6:[::1]:33448", "::1"),
        ("unix:/tmp/socket", "unix:/tmp/socket"),
        ("", ""),
    ],
)
def test_addresses_of_callers(peer, address):
    assert _address(peer) == address


def test_texts_are_cut_by_bytes_between_characters():
    assert cut("x" * 1024) == "x" * 1024
    assert cut("x" * 1025) == "x" * 1024 + "...TRUNCATED"
    assert cut("x" + "ü" * 1024) == "x" + "ü" * 511 + "...TRUNCATED"
    assert cut("\udcff") == "?"


def test_every_code_has_its_twin():
    assert {grpc_code(code).name for code in Code} == {code.name for code in grpc.StatusCode}
    assert all(grpc_code(code).name == code.name for code in Code)

import asyncio
import socket
import time

import grpc
import numpy as np
import pytest
import trustme
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.serving.asked import Echo
from tests.serving.messages import predict
from tests.serving.running import SECONDS, Running, refused
from tlzoo.errors import UsageError
from tlzoo.serving.grpc_server import start_grpc
from tlzoo.serving.limits import Limits
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import Additions, ServerOptions, TlsOptions

ASK = predict("echo", x=np.float32([1, 2]))


def echo(inference=None, **more):
    return Running(ServerOptions((), grpc_port=0, **more), inference or Echo())


def test_messages_of_many_megabytes_come_and_go():
    numbers = np.zeros(5_000_000, np.float32)
    with echo() as running:
        most = [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(running.address, most) as channel:
            call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            assert len(call(predict("echo", x=numbers).SerializeToString(), timeout=SECONDS)) > numbers.nbytes


def test_calls_that_run_end_before_a_server_does():
    inference = Echo(slow=True)
    with echo(inference) as running:
        running_call = running.prediction.Predict.future(ASK)
        assert inference.begun.wait(SECONDS)
        stopping = asyncio.run_coroutine_threadsafe(running.grpc.stop(SECONDS), running._loop)
        wait_until_closed(running.grpc.port)
        # Whoever comes now finds a closed door, while the call before goes on.
        # A connection of its own: by one that is open already, gRPC may say CANCELLED as well.
        alone = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(running.address, alone) as channel:
            late = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            assert refused(late, ASK.SerializeToString())[0] == "UNAVAILABLE"
        assert not running_call.done()
        inference.go.set()
        assert list(running_call.result(SECONDS).outputs["y"].float_val) == [1, 2]
        stopping.result(SECONDS)


def wait_until_closed(port):
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return
    raise AssertionError("the port stays open")


def test_calls_that_take_too_long_are_cancelled():
    inference = Echo(slow=True)
    with echo(inference) as running:
        call = running.prediction.Predict.future(ASK)
        assert inference.begun.wait(SECONDS)
        running.do(running.grpc.stop(0.01))
        assert inference.cancelled.wait(SECONDS)
        assert call.exception(SECONDS).code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


def test_a_port_that_is_taken_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"127\.0\.0\.1:{port} cannot be opened\. Allowed: .* --port"):
            asyncio.run(_start(ServerOptions((), grpc_port=port)))


def test_two_servers_do_not_share_a_port():
    with echo() as running:
        told = ServerOptions((), grpc_port=running.grpc.port)
        with pytest.raises(UsageError, match="cannot be opened"):
            asyncio.run(_start(told))


async def _start(told):
    return await start_grpc(Echo(), told, Metrics(), Limits(Additions()))


# TLS


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def tls(authority, custom_ca="", client_verify=False):
    issued = authority.issue_cert("localhost")
    chain = "".join(one.bytes().decode() for one in issued.cert_chain_pems)
    return TlsOptions(issued.private_key_pem.bytes().decode(), chain, custom_ca, client_verify)


def secure(running, authority, client=None):
    key = client.private_key_pem.bytes() if client else None
    chain = client.cert_chain_pems[0].bytes() if client else None
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), key, chain)
    return grpc.secure_channel(f"localhost:{running.grpc.port}", credentials)


def ask(channel):
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    try:
        return call(ASK.SerializeToString(), timeout=SECONDS)
    except grpc.RpcError as error:
        return error.code().name


def test_a_server_with_a_certificate_speaks_tls_only(authority):
    with echo(tls=tls(authority)) as running:
        with secure(running, authority) as channel:
            assert isinstance(ask(channel), bytes)
        with secure(running, trustme.CA()) as channel:
            assert ask(channel) == "UNAVAILABLE"
        assert refused(running.prediction.Predict, ASK)[0] == "UNAVAILABLE"


def test_clients_show_a_certificate_where_they_must(authority):
    clients = trustme.CA()
    with echo(tls=tls(authority, clients.cert_pem.bytes().decode(), client_verify=True)) as running:
        with secure(running, authority, clients.issue_cert("client@example.org")) as channel:
            assert isinstance(ask(channel), bytes)
        with secure(running, authority) as channel:
            assert ask(channel) == "UNAVAILABLE"
        with secure(running, authority, trustme.CA().issue_cert("client@example.org")) as channel:
            assert ask(channel) == "UNAVAILABLE"


def test_pem_that_is_none_is_an_error():
    told = ServerOptions((), grpc_port=0, tls=TlsOptions("no key", "no certificate"))
    with pytest.raises(UsageError, match="cannot be opened with that key and certificate"):
        asyncio.run(_start(told))


def test_clients_must_show_what_nobody_can_check(authority):
    told = ServerOptions((), grpc_port=0, tls=tls(authority, client_verify=True))
    with pytest.raises(UsageError, match="custom_ca"):
        asyncio.run(_start(told))


# Health and reflection


def test_health_is_there_where_it_is_asked_for():
    with echo() as running:
        stub = health_pb2_grpc.HealthStub(running.channel)
        assert refused(stub.Check, health_pb2.HealthCheckRequest())[0] == "UNIMPLEMENTED"
    with echo(grpc_health=True) as running:
        stub = health_pb2_grpc.HealthStub(running.channel)
        for name in ("", "ModelService", "PredictionService"):
            found = stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert found.status == health_pb2.HealthCheckResponse.SERVING
        full = health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService")
        assert refused(stub.Check, full)[0] == "NOT_FOUND"


def test_whoever_watches_health_hears_of_the_end():
    with echo(grpc_health=True) as running:
        watched = health_pb2_grpc.HealthStub(running.channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        stopping = asyncio.run_coroutine_threadsafe(running.grpc.stop(SECONDS), running._loop)
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watched.cancel()
        stopping.result(SECONDS)


def reflected(running, **question):
    stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
    (answer,) = stub.ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(**question)]), timeout=SECONDS
    )
    return answer


@pytest.mark.parametrize("health", [False, True])
def test_services_are_listed(health):
    with echo(grpc_health=health) as running:
        names = {one.name for one in reflected(running, list_services="").list_services_response.service}
    assert names == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.reflection.v1alpha.ServerReflection",
        *(["grpc.health.v1.Health"] if health else []),
    }


@pytest.mark.parametrize(
    ("service", "methods"),
    [
        (
            "tensorflow.serving.PredictionService",
            {"Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"},
        ),
        ("tensorflow.serving.ModelService", {"GetModelStatus", "HandleReloadConfigRequest"}),
        ("grpc.health.v1.Health", {"Check", "Watch", "List"}),
    ],
)
def test_services_are_described_with_all_their_messages(service, methods):
    with echo(grpc_health=True) as running:
        answer = reflected(running, file_containing_symbol=service)
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(one)
        for one in answer.file_descriptor_response.file_descriptor_proto
    ]
    described = {one.name: one for file in files for one in file.service}
    assert {one.name for one in described[service.rpartition(".")[2]].method} == methods
    # Whatever a file needs comes with it.
    assert {name for file in files for name in file.dependency} <= {file.name for file in files}


def test_messages_are_described_and_what_is_unknown_is_not():
    with echo() as running:
        found = reflected(running, file_containing_symbol="tensorflow.TensorProto")
        assert found.file_descriptor_response.file_descriptor_proto
        missing = reflected(running, file_containing_symbol="tensorflow.Nope")
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]

"""The gRPC port: PredictionService, ModelService, reflection, and health where it is asked for.

`tensorflow.ProfilerService`, which TensorFlow Serving has on this port too, is not here.
"""

from __future__ import annotations

from typing import Any

from tlzoo.errors import UsageError
from tlzoo.serving.access_log import AccessLog
from tlzoo.serving.grpc_calls import Calls, Telling
from tlzoo.serving.inference import Inference
from tlzoo.serving.limits import Limits
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.model_service import ModelService
from tlzoo.serving.options import ServerOptions, TlsOptions
from tlzoo.serving.prediction_service import PredictionService
from tlzoo.serving.reflection import add_reflection
from tlzoo.serving.request_log import RequestLog

HEALTHY = ("", "ModelService", "PredictionService")
"""What `grpc.health.v1.Health` is asked about; upstream uses these names, not the full ones."""

_CHANNEL = (
    ("grpc.max_receive_message_length", 2**31 - 1),
    ("grpc.max_send_message_length", -1),
    # Two servers on one port would share its calls, and nobody would be told.
    ("grpc.so_reuseport", 0),
)


class GrpcServer:
    """A gRPC server that is listening.

    Attributes:
        port: The number of its port.
    """

    def __init__(self, server: Any, port: int, health: Any) -> None:
        self.port = port
        self._server, self._health = server, health

    async def stop(self, grace: float | None = None) -> None:
        """Takes no more calls, and returns once the last has ended.

        Args:
            grace: Seconds after which calls that still run are cancelled; None cancels them at once.
        """
        if self._health is not None:
            await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)


async def start_grpc(
    inference: Inference,
    options: ServerOptions,
    metrics: Metrics,
    limits: Limits,
    access_log: AccessLog | None = None,
    request_log: RequestLog | None = None,
) -> GrpcServer:
    """Opens the gRPC port and answers calls there, on this event loop.

    Args:
        inference: The models.
        options: Host, port (0 for any that is free), TLS, health, channel arguments, the form of tensors in replies.
        metrics: Told of every call.
        limits: Who may call, and how many at a time.
        access_log: Told of every call.
        request_log: Offered every call that succeeded.

    Returns:
        What to stop it with.

    Raises:
        UsageError: The port is taken, or key and certificate do not fit together.
    """
    import grpc

    services = (
        PredictionService(inference, metrics, options.tensor_content),
        ModelService(inference, metrics),
    )
    methods = [method for service in services for method in service.methods()]
    calls = Calls(limits, Telling(metrics, access_log, request_log), methods)
    arguments = dict(_CHANNEL) | dict(options.grpc_arguments)  # Of two with one name gRPC takes the first.
    server = grpc.aio.server(interceptors=[calls.doorkeeper()], options=tuple(arguments.items()))
    server.add_generic_rpc_handlers(calls.handlers())
    health = await _add_health(server) if options.grpc_health else None
    add_reflection(server, methods, options.grpc_health)
    port = _open(server, options)
    await server.start()
    return GrpcServer(server, port, health)


def _open(server: Any, options: ServerOptions) -> int:
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"{host}:{options.grpc_port}"
    try:
        if options.tls is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, _credentials(options.tls)))
    except RuntimeError as error:
        tls = " with that key and certificate" if options.tls is not None else ""
        raise UsageError(
            f"{address} cannot be opened{tls}.",
            allowed="a free port of an address of this machine, and a PEM key that its certificate is for.",
            do="Name another with --port, or stop what uses it.",
        ) from error


def _credentials(tls: TlsOptions) -> Any:
    import grpc

    if tls.client_verify and not tls.custom_ca:
        raise UsageError(
            "Clients must show a certificate (client_verify), and there is no custom_ca to check it with.",
            allowed="client_verify with the PEM text of custom_ca beside it.",
            do="Add custom_ca to the file of --ssl_config_file, or leave out client_verify.",
        )
    return grpc.ssl_server_credentials(
        [(tls.key.encode(), tls.certificate.encode())],
        root_certificates=tls.custom_ca.encode() if tls.custom_ca else None,
        require_client_auth=tls.client_verify,
    )


async def _add_health(server: Any) -> Any:
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    servicer = health.aio.HealthServicer()
    for name in HEALTHY:
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return servicer

"""TensorFlow Serving's gRPC services by grpcio, with messages of their own so that TensorFlow is not imported."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError, EncodeError

from tlzoo.client import failures, wire_pb2
from tlzoo.client.address import Address
from tlzoo.client.metadata import Metadata, metadata_from_proto, statuses_from_proto
from tlzoo.client.options import Settings
from tlzoo.client.transport import Scored, nbytes, off_loop
from tlzoo.errors import ServerError, UsageError
from tlzoo.protocol.signature import Arrays, ModelSpec, Signature
from tlzoo.protocol.status import ServingError, VersionStatus

if TYPE_CHECKING:
    import numpy as np

    from tlzoo.client.examples import Features

_PREDICTION = "/tensorflow.serving.PredictionService"
_MODEL = "/tensorflow.serving.ModelService"

_OPTIONS = (
    # Clients refuse replies of more than 4 MB by default, and servers send up to 2 GiB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A server that has just started must not be waited for a second longer.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # Other channels of this process, and how they fare, are none of our business.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.primary_user_agent", "tlzoo-client"),
)


class GrpcTransport:
    """Implements `Transport`.

    Args:
        address: Of the server.
        settings: Token and certificates.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        self._address = address
        self._headers = () if settings.token is None else (("authorization", f"Bearer {settings.token}"),)
        self._credentials = channel_credentials(settings) if address.secure else None
        self._channel: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def metadata(self, spec: ModelSpec, left: float | None) -> Metadata:
        """Asks `GetModelMetadata`."""
        method = f"{_PREDICTION}/GetModelMetadata"
        request = wire_pb2.GetModelMetadataRequest(
            model_spec=spec_message(spec), metadata_field=["signature_def"]
        )
        reply = await self._ask(method, request, wire_pb2.GetModelMetadataResponse, left)
        try:
            return metadata_from_proto(reply)
        except DecodeError as error:
            raise failures.foreign(f"{self._address}{method}", f"no signatures ({error})") from error

    async def status(self, spec: ModelSpec, left: float | None) -> list[VersionStatus]:
        """Asks `GetModelStatus`."""
        request = wire_pb2.GetModelStatusRequest(model_spec=spec_message(spec))
        return statuses_from_proto(
            await self._ask(f"{_MODEL}/GetModelStatus", request, wire_pb2.GetModelStatusResponse, left)
        )

    async def predict(
        self, spec: ModelSpec, signature: Signature, inputs: Arrays, left: float | None
    ) -> dict[str, np.ndarray]:
        """Asks `Predict`."""
        from tlzoo.protocol.tensors import write_tensor

        def write() -> Any:
            request = wire_pb2.PredictRequest(model_spec=spec_message(spec))
            for name, array in inputs.items():
                write_tensor(request.inputs[name], array, content=array.dtype != object)
            return request

        method = f"{_PREDICTION}/Predict"
        request = await off_loop(nbytes(inputs), write)
        reply = await self._ask(method, request, wire_pb2.PredictResponse, left)
        try:
            return await off_loop(reply.ByteSize(), _arrays, reply.outputs)
        except ServingError as error:
            raise failures.foreign(f"{self._address}{method}", f"no tensors ({error.message})") from error

    async def classify(
        self, spec: ModelSpec, examples: Sequence[Features], context: Features | None, left: float | None
    ) -> list[list[Scored]]:
        """Asks `Classify`."""
        request = wire_pb2.ClassificationRequest(
            model_spec=spec_message(spec), input=_input(examples, context)
        )
        reply = await self._ask(f"{_PREDICTION}/Classify", request, wire_pb2.ClassificationResponse, left)
        return [
            [Scored(each.label.decode("utf-8", "surrogateescape"), each.score) for each in one.classes]
            for one in reply.result.classifications
        ]

    async def regress(
        self, spec: ModelSpec, examples: Sequence[Features], context: Features | None, left: float | None
    ) -> list[float]:
        """Asks `Regress`."""
        request = wire_pb2.RegressionRequest(model_spec=spec_message(spec), input=_input(examples, context))
        reply = await self._ask(f"{_PREDICTION}/Regress", request, wire_pb2.RegressionResponse, left)
        return [one.value for one in reply.result.regressions]

    async def close(self) -> None:
        """Closes the channel."""
        channel, self._channel = self._channel, None
        if channel is not None and self._loop is asyncio.get_running_loop():
            await channel.close()

    async def _ask(self, method: str, request: Any, kind: Any, left: float | None) -> Any:
        import grpc

        where = f"{self._address}{method}"
        try:
            # Bytes in and bytes out: errors of reading and writing messages are ours to name.
            call = self._open().unary_unary(method)
            reply = await call(request.SerializeToString(), timeout=left, metadata=self._headers)
            return kind.FromString(reply)
        except grpc.aio.AioRpcError as error:
            raise _refusal(str(self._address), where, error) from error
        except DecodeError as error:
            raise failures.foreign(where, f"what is no {kind.DESCRIPTOR.name} ({error})") from error
        except (EncodeError, ValueError) as error:
            raise UsageError(
                f"a request that is no message: {error}.",
                allowed="messages below 2 GiB.",
                do="Send less at once.",
            ) from error

    def _open(self) -> Any:
        """Returns the channel of the loop that runs now: a channel cannot change its loop."""
        import grpc

        loop = asyncio.get_running_loop()
        if self._channel is None or self._loop is not loop:
            target = self._address.authority
            options = (*_OPTIONS, ("grpc.enable_http_proxy", int(not self._address.loopback)))
            if self._credentials is None:
                self._channel = grpc.aio.insecure_channel(target, options=options)
            else:
                self._channel = grpc.aio.secure_channel(target, self._credentials, options=options)
            self._loop = loop
        return self._channel


def spec_message(spec: ModelSpec) -> Any:
    """Returns a `ModelSpec` message."""
    message = wire_pb2.ModelSpec(name=spec.name, signature_name=spec.signature)
    if spec.version is not None:
        message.version.value = spec.version
    elif spec.label is not None:
        message.version_label = spec.label
    return message


def _arrays(outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    from tlzoo.protocol.tensors import read_tensor

    found = {name: read_tensor(name, proto) for name, proto in outputs.items()}
    # An array over the bytes of a message cannot be written to; what callers get is theirs.
    return {name: array if array.flags.writeable else array.copy() for name, array in found.items()}


def _input(examples: Sequence[Features], context: Features | None) -> Any:
    from tlzoo.client.examples import to_proto

    protos = [to_proto(one) for one in examples]
    if context is None:
        return wire_pb2.Input(example_list=wire_pb2.ExampleList(examples=protos))
    both = wire_pb2.ExampleListWithContext(examples=protos, context=to_proto(context))
    return wire_pb2.Input(example_list_with_context=both)


def channel_credentials(settings: Settings) -> Any:
    """Returns whom to trust, and who we are.

    Raises:
        UsageError: A certificate cannot be read.
    """
    import grpc

    def content(path: Path | str | None) -> bytes | None:
        return None if path is None else Path(path).read_bytes()

    try:
        return grpc.ssl_channel_credentials(
            content(settings.root_certificates), content(settings.key), content(settings.certificate)
        )
    except OSError as error:
        raise UsageError(
            f"certificates that cannot be read: {error}.", allowed="PEM files.", do="Check the paths."
        ) from error


_CONNECTION = (
    "failed to connect",
    "connect failed",
    "socket closed",
    "reset by peer",
    "resolving",
    "handshake",
)
"""What gRPC's own words hold where it is not the server that speaks, in lower case."""
_NOT_HTTP2 = ("http1.x", "http/1", "failed parsing http/2")


def _refusal(server: str, where: str, error: Any) -> ServerError:
    code, message = error.code().name, error.details() or ""
    lower = message.lower()
    if any(words in lower for words in _NOT_HTTP2):
        return failures.foreign(where, f"what is no gRPC ({message})")
    if code == "UNAVAILABLE" and any(words in lower for words in _CONNECTION):
        untrusted = "certificate_verify_failed" in lower
        do = "Say whom to trust: root_certificates=FILE." if untrusted else ""
        return failures.no_answer(server, message, retry="handshake failed" not in lower, do=do)
    # A message that is too large now will be too large the next time.
    retry = False if code == "RESOURCE_EXHAUSTED" and "larger than max" in lower else None
    return failures.refused(where, code, message, retry=retry, retry_after=_pushback(error))


def _pushback(error: Any) -> float | None:
    """Reads how long a server wants to be left alone (gRPC's proposal A6, `grpc-retry-pushback-ms`)."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-retry-pushback-ms" and str(value).isdecimal():
            return int(value) / 1000
    return None

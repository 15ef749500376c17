"""Requests for load, encoded once: whole HTTP messages, or serialized `PredictRequest`s."""

from __future__ import annotations

from tlzoo.client import rest_json, wire_pb2
from tlzoo.client.address import Address
from tlzoo.client.options import Settings
from tlzoo.protocol.signature import Arrays, ModelSpec, Signature
from tlzoo.protocol.tensors import write_tensor


def predict_request(
    address: Address, settings: Settings, spec: ModelSpec, signature: Signature, inputs: Arrays
) -> bytes:
    """Returns one predict request as a `Wire` sends it.

    Args:
        address: Of the server.
        settings: Its token travels with HTTP requests.
        spec: The model, and which version.
        signature: Whose inputs they are.
        inputs: Of the types it declares.

    Raises:
        UsageError: A type has no form in JSON.
    """
    if address.protocol == "http":
        return _http(address, settings, spec, rest_json.predict_body(signature, inputs))
    from tlzoo.client.grpc_transport import spec_message

    request = wire_pb2.PredictRequest(model_spec=spec_message(spec))
    request.model_spec.signature_name = signature.name
    for name, array in inputs.items():
        write_tensor(request.inputs[name], array, content=array.dtype != object)
    return bytes(request.SerializeToString())


def _http(address: Address, settings: Settings, spec: ModelSpec, body: bytes) -> bytes:
    from tlzoo.client.rest_transport import path_of

    lines = [
        f"POST {address.prefix}{path_of(spec)}:predict HTTP/1.1",
        f"Host: {address.authority}",
        "User-Agent: tlzoo-bench",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    if settings.token is not None:
        lines.append(f"Authorization: Bearer {settings.token}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

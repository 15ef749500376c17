"""What a server says of a model: its signatures, and where its versions stand; from JSON and from gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tlzoo.errors import unknown_name
from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import PREDICT, Signature, TensorInfo
from tlzoo.protocol.status import Code, VersionStatus

INIT_OP = "__saved_model_init_op"
"""A signature that Keras writes for loaders; nobody can call it."""

_BY_ENUM = {dtype.enum: dtype for dtype in DTYPES.values()}
_STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}


@dataclass(frozen=True)
class Metadata:
    """What can be asked of one version of a model.

    Attributes:
        model: Its name.
        version: The version that answered.
        signatures: By name, without those that nobody can call.
    """

    model: str
    version: int
    signatures: Mapping[str, Signature]

    def signature(self, name: str) -> Signature:
        """Returns one signature.

        Raises:
            UnknownNameError: There is none of that name; the error suggests one.
        """
        if name not in self.signatures:
            raise unknown_name("signature", name, self.signatures)
        return self.signatures[name]


def metadata_from_json(document: Any) -> Metadata:
    """Reads a reply to `GET /v1/models/M/metadata`.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: It is none.
    """
    spec, found = document["model_spec"], document["metadata"]["signature_def"]["signature_def"]
    signatures = {
        name: Signature(
            name,
            inputs={key: _info_from_json(info) for key, info in one["inputs"].items()},
            outputs={key: _info_from_json(info) for key, info in one["outputs"].items()},
            method=one.get("method_name", PREDICT),
            defaults=frozenset(one.get("defaults", {})),
        )
        for name, one in found.items()
        if name != INIT_OP
    }
    return Metadata(str(spec["name"]), int(spec["version"]), signatures)


def metadata_from_proto(reply: Any) -> Metadata:
    """Reads a `GetModelMetadataResponse`.

    Raises:
        DecodeError: It holds no signatures.
    """
    from tlzoo.client.wire_pb2 import SignatureDefMap

    found = SignatureDefMap.FromString(reply.metadata["signature_def"].value).signature_def
    signatures = {
        name: Signature(
            name,
            inputs={key: _info_from_proto(info) for key, info in one.inputs.items()},
            outputs={key: _info_from_proto(info) for key, info in one.outputs.items()},
            method=one.method_name,
            defaults=frozenset(one.defaults),
        )
        for name, one in found.items()
        if name != INIT_OP
    }
    return Metadata(reply.model_spec.name, reply.model_spec.version.value, signatures)


def statuses_from_json(document: Any) -> list[VersionStatus]:
    """Reads a reply to `GET /v1/models/M`.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    return [
        VersionStatus(
            int(one["version"]),
            str(one["state"]),
            Code[one["status"]["error_code"]],
            str(one["status"]["error_message"]),
        )
        for one in document["model_version_status"]
    ]


def statuses_from_proto(reply: Any) -> list[VersionStatus]:
    """Reads a `GetModelStatusResponse`, newest version first, as REST gives it."""
    found = [
        VersionStatus(
            one.version,
            _STATES.get(one.state, str(one.state)),
            Code(one.status.error_code) if one.status.error_code in set(Code) else Code.UNKNOWN,
            one.status.error_message,
        )
        for one in reply.model_version_status
    ]
    return sorted(found, key=lambda one: -one.version)


def _info_from_json(info: Any) -> TensorInfo:
    shape = info["tensor_shape"]
    sizes = None if shape.get("unknown_rank") else tuple(int(dim["size"]) for dim in shape["dim"])
    return TensorInfo(str(info["name"]), _BY_ENUM.get(info["dtype"]), sizes)


def _info_from_proto(info: Any) -> TensorInfo:
    shape = info.tensor_shape
    sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
    return TensorInfo(info.name, DTYPES.get(info.dtype), sizes)

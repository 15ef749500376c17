"""Three messages of TensorFlow Serving's that its Python package leaves out: batching, monitoring and TLS.

Only their text form is ever read or written, so the numbers of their fields are those of this file.
Sources: tensorflow_serving/servables/tensorflow/session_bundle_config.proto, config/monitoring_config.proto,
config/ssl_config.proto.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

_PACKAGE = "tensorflow.serving"
_INT64 = ".google.protobuf.Int64Value"
_BOOL = ".google.protobuf.BoolValue"
_STRING = ".google.protobuf.StringValue"

_MESSAGES: dict[str, dict[str, str]] = {
    "BatchingParameters": {
        "max_batch_size": _INT64,
        "batch_timeout_micros": _INT64,
        "max_enqueued_batches": _INT64,
        "num_batch_threads": _INT64,
        "thread_pool_name": _STRING,
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
        "enable_large_batch_splitting": _BOOL,
        "max_execution_batch_size": _INT64,
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": f".{_PACKAGE}.PrometheusConfig"},
    "SSLConfig": {
        "server_key": "string",
        "server_cert": "string",
        "custom_ca": "string",
        "client_verify": "bool",
    },
}

Name = Literal["BatchingParameters", "MonitoringConfig", "SSLConfig"]


def message(name: Name) -> Any:
    """Returns the class of a message.

    Args:
        name: Without its package.

    Example:
        >>> message("MonitoringConfig")().prometheus_config.enable
        False
    """
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> Any:
    """Builds the messages in a pool of their own, where they cannot meet those of TensorFlow Serving's package."""
    from google.protobuf import descriptor_pb2, descriptor_pool, wrappers_pb2

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name="tlzoo/serving/protos.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            _describe(described.field.add(name=field, number=number), kind)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _describe(field: Any, kind: str) -> None:
    repeated, _, base = kind.rpartition(" ")
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if base.startswith("."):
        field.type, field.type_name = field.TYPE_MESSAGE, base
    else:
        field.type = {"bool": field.TYPE_BOOL, "int64": field.TYPE_INT64, "string": field.TYPE_STRING}[base]

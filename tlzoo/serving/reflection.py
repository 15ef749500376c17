"""Lets `grpcurl` and others ask a server for its services and messages (`grpc.reflection`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tlzoo.serving.grpc_calls import Method

_PACKAGE = "tensorflow.serving"
_MODEL_SERVICE = "tensorflow_serving/apis/model_service.proto"


def add_reflection(server: Any, methods: Sequence[Method], health: bool) -> None:
    """Adds the reflection service.

    Args:
        server: A `grpc.aio.Server` that has not started.
        methods: What it serves.
        health: Whether it serves `grpc.health.v1.Health` too.
    """
    from grpc_health.v1 import health_pb2
    from grpc_reflection.v1alpha import reflection, reflection_pb2
    from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, prediction_service_pb2

    names = [*sorted({method.service for method in methods}), reflection.SERVICE_NAME]
    files = [
        prediction_service_pb2.DESCRIPTOR,
        get_model_status_pb2.DESCRIPTOR,
        model_management_pb2.DESCRIPTOR,
        reflection_pb2.DESCRIPTOR,
    ]
    if health:
        names.append("grpc.health.v1.Health")
        files.append(health_pb2.DESCRIPTOR)
    reflection.enable_server_reflection(names, server, pool=_pool(files))


def _pool(files: Iterable[Any]) -> Any:
    """Returns a pool of descriptors that knows ModelService, which tensorflow-serving-api does not describe."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    pool, known = descriptor_pool.DescriptorPool(), set()

    def add(file: Any) -> None:
        if file.name in known:
            return
        known.add(file.name)
        for needed in file.dependencies:
            add(needed)
        pool.AddSerializedFile(file.serialized_pb)

    files = list(files)
    for file in files:
        add(file)
    if _MODEL_SERVICE not in known:
        pool.AddSerializedFile(_model_service(descriptor_pb2).SerializeToString())
    return pool


def _model_service(descriptor_pb2: Any) -> Any:
    """Returns tensorflow_serving/apis/model_service.proto as a `FileDescriptorProto`."""
    from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

    files = (get_model_status_pb2.DESCRIPTOR, model_management_pb2.DESCRIPTOR)
    described = descriptor_pb2.FileDescriptorProto(
        name=_MODEL_SERVICE, package=_PACKAGE, syntax="proto3", dependency=[file.name for file in files]
    )
    service = described.service.add(name="ModelService")
    for name, words in (("GetModelStatus", "GetModelStatus"), ("HandleReloadConfigRequest", "ReloadConfig")):
        service.method.add(
            name=name, input_type=f".{_PACKAGE}.{words}Request", output_type=f".{_PACKAGE}.{words}Response"
        )
    return described

"""SavedModels as TensorFlow Serving serves them, and failures on demand, for `contract_rest` and `contract_grpc`.

All three are written from the contract and with the real stubs, and share no line with tlzoo's client or server.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2


class Refusal(Exception):
    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Version:
    """One SavedModel."""

    def __init__(self, folder: Path) -> None:
        self.model = tf.saved_model.load(str(folder))
        saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        self.signatures = dict(saved.meta_graphs[0].signature_def)

    def run(self, name: str, inputs: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
        signature = self.signatures[name]
        if set(inputs) != set(signature.inputs):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "input size does not match signature")
        try:
            answer = self.model.signatures[name](**inputs)
        except tf.errors.OpError as error:
            raise Refusal(grpc.StatusCode(error_code(error)), error.message) from error
        return {key: value.numpy() for key, value in answer.items()}


def error_code(error: tf.errors.OpError):
    return next(code.value for code in grpc.StatusCode if code.value[0] == error.error_code)


@dataclass
class Models:
    """Models by name and version, and what the server was asked.

    `faults` are taken one by one before anything else: a function that gets the HTTP handler and returns True if it has
    answered, or a pair of a gRPC status and a text.
    """

    versions: dict[str, dict[int, Version]]
    labels: dict[str, int] = field(default_factory=dict)
    faults: deque = field(default_factory=deque)
    asked: list = field(default_factory=list)
    slowly: float = 0.0
    busiest: int = 0
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, name, version=None, label=None) -> tuple[int, Version]:
        versions = self.versions.get(name, {})
        if label:
            if label not in self.labels:
                text = f"Unrecognized servable version label: {label}"
                raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, text)
            version = self.labels[label]
        if version is None:
            if not versions:
                raise Refusal(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({name})")
            version = max(versions)
        if version not in versions:
            text = f"Servable not found for request: Specific({name}, {version})"
            raise Refusal(grpc.StatusCode.NOT_FOUND, text)
        return version, versions[version]

    @contextlib.contextmanager
    def working(self):
        with self.lock:
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        try:
            time.sleep(self.slowly)
            yield
        finally:
            with self.lock:
                self.busy -= 1


def metadata_proto(version: Version):
    found = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in version.signatures.items():
        found.signature_def[name].CopyFrom(signature)
    return found


def status_proto(models: Models, name: str, version: int | None):
    versions = models.versions.get(name, {})
    if not versions:
        raise Refusal(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {name}")
    if version is not None and version not in versions:
        raise Refusal(grpc.StatusCode.NOT_FOUND, f"Could not find version {version} of model {name}")
    reply = get_model_status_pb2.GetModelStatusResponse()
    for number in sorted(versions, reverse=True) if version is None else [version]:
        reply.model_version_status.add(version=number, state=30, status={})
    return reply


def classified(version: Version, name: str, examples) -> list[list[tuple[str, float]]]:
    out = version.run(name, {"inputs": tf.constant([one.SerializeToString() for one in examples], tf.string)})
    classes, scores = out.get("classes"), out.get("scores")
    shape = (classes if classes is not None else scores).shape
    if len(shape) == 1:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "Expected Tensor shape: [batch_size num_classes]")
    classes = np.full(shape, b"", object) if classes is None else classes
    scores = np.zeros(shape, np.float32) if scores is None else scores
    labels = [[one.decode() for one in row] for row in classes]
    return [list(zip(*pair, strict=True)) for pair in zip(labels, scores.tolist(), strict=True)]


def regressed(version: Version, name: str, examples) -> list[float]:
    out = version.run(name, {"inputs": tf.constant([one.SerializeToString() for one in examples], tf.string)})
    return out["outputs"].ravel().tolist()

"""A sample of requests and replies, as TensorFlow Serving's `PredictionLog` records: for warm-up, or to look into."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.errors import UsageError
from tlzoo.protocol.signature import Arrays, ModelSpec
from tlzoo.protocol.status import Code
from tlzoo.protocol.tensors import write_tensor
from tlzoo.serving.background import Background
from tlzoo.serving.inference import Classes
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.prediction import write_classes, write_numbers, write_spec

log = logging.getLogger("tlzoo.serving")

MOST_RECORDS = 1000
"""Records of a file: as many as TensorFlow Serving accepts for warm-up."""

MOST_BYTES = 64 * 1024**2
"""Bytes of a file."""

REST_SECONDS = 60.0
"""How long nothing is written after the disk refused."""

_WAITING = 100
"""Records that may wait for the disk."""

_FRAME = 16
"""Bytes of a record's length and checksums."""


class RequestLog:
    """A TFRecord file of sampled requests, which only its owner may read.

    Each file can be put into a version folder as `assets.extra/tf_serving_warmup_requests`: what is written was
    answered before. A full file takes the name `<path>.1`, in place of an older one, so that both together have a
    limit; so does the file of an earlier server. Where the disk is full, it is tried again after a minute.

    Args:
        path: Of the file.
        rate: Share of requests that is sampled, in (0, 1].
        metrics: Told of each record.
        seed: Of the sampling.

    Raises:
        UsageError: The file cannot be written.

    Example:
        >>> request_log = RequestLog(Path("requests.tfrecord"), 0.01, metrics)  # doctest: +SKIP
        >>> request_log.offer("predict_log", request, response)  # doctest: +SKIP
        >>> request_log.close()  # doctest: +SKIP
    """

    def __init__(self, path: Path, rate: float, metrics: Metrics, seed: int | None = None) -> None:
        self._rate, self._metrics = rate, metrics
        self._random = np.random.default_rng(seed)
        self._file = _RecordFile(path)
        self._resting_until = 0.0
        try:
            self._file.prepare()
        except OSError as error:
            raise UsageError(
                f"The request log {path} cannot be written: {error.strerror}.",
                allowed="a file in a folder that exists and may be written to.",
                do="Name another file with --request-log, or make its folder.",
            ) from error
        self._queue: Background[tuple[str, bytes]] = Background(self._append, "tlzoo-request-log", _WAITING)

    def offer(self, kind: str, request: Any, response: Any) -> None:
        """Samples a request by gRPC that succeeded.

        Args:
            kind: The field of `PredictionLog`: `predict_log`, `classify_log`, `regress_log` or `multi_inference_log`.
            request: The message.
            response: Its reply.
        """
        if self._sampled():
            self._put(kind, request, response)

    def predicted(self, spec: ModelSpec, inputs: Arrays, outputs: Arrays) -> None:
        """Samples a prediction that was asked for by REST.

        Args:
            spec: The version and signature that answered.
            inputs: By alias.
            outputs: By alias.
        """
        if not self._sampled():
            return
        from tensorflow_serving.apis import predict_pb2

        request, response = predict_pb2.PredictRequest(), predict_pb2.PredictResponse()
        for message, tensors, arrays in (
            (request, request.inputs, inputs),
            (response, response.outputs, outputs),
        ):
            write_spec(message.model_spec, spec, spec.key)
            for alias, array in arrays.items():
                write_tensor(tensors[alias], array, content=True)
        self._put("predict_log", request, response)

    def classified(self, spec: ModelSpec, examples: Sequence[bytes], answers: list[Classes]) -> None:
        """Samples a classification that was asked for by REST: serialized examples, and the classes of each."""
        if not self._sampled():
            return
        from tensorflow_serving.apis import classification_pb2

        request = _asked(classification_pb2.ClassificationRequest(), spec, examples)
        response = classification_pb2.ClassificationResponse()
        write_spec(response.model_spec, spec, spec.key)
        write_classes(response.result, answers)
        self._put("classify_log", request, response)

    def regressed(self, spec: ModelSpec, examples: Sequence[bytes], answers: list[float]) -> None:
        """Samples a regression that was asked for by REST: serialized examples, and the number of each."""
        if not self._sampled():
            return
        from tensorflow_serving.apis import regression_pb2

        request = _asked(regression_pb2.RegressionRequest(), spec, examples)
        response = regression_pb2.RegressionResponse()
        write_spec(response.model_spec, spec, spec.key)
        write_numbers(response.result, answers)
        self._put("regress_log", request, response)

    def close(self) -> None:
        """Writes what is left, and closes the file."""
        self._queue.close()
        self._file.close()

    def _sampled(self) -> bool:
        return bool(self._random.random() < self._rate)

    def _put(self, kind: str, request: Any, response: Any) -> None:
        from tensorflow_serving.apis import prediction_log_pb2

        record = prediction_log_pb2.PredictionLog()
        spec = request.tasks[0].model_spec if kind == "multi_inference_log" else request.model_spec
        getattr(record, kind).request.CopyFrom(request)
        getattr(record, kind).response.CopyFrom(response)
        record.log_metadata.model_spec.CopyFrom(spec)
        record.log_metadata.sampling_config.sampling_rate = self._rate
        record.log_metadata.timestamp_secs = int(time.time())
        if not self._queue.put((spec.name, record.SerializeToString())):
            self._metrics.request_log(spec.name, Code.RESOURCE_EXHAUSTED)

    def _append(self, records: list[tuple[str, bytes]]) -> None:
        import tensorflow as tf

        for model, record in records:
            if time.monotonic() < self._resting_until:
                self._metrics.request_log(model, Code.UNAVAILABLE)
                continue
            try:
                self._file.write(record)
            except (OSError, tf.errors.OpError) as error:
                log.error("The request log cannot be written; a try follows in %g s: %s", REST_SECONDS, error)
                self._resting_until = time.monotonic() + REST_SECONDS
                self._metrics.request_log(model, Code.DATA_LOSS)
            else:
                self._metrics.request_log(model, Code.OK)


class _RecordFile:
    """A TFRecord file that is always whole, and moves aside when it is full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self._records = self._bytes = 0

    def prepare(self) -> None:
        """Makes an empty file; one that is there moves aside."""
        self.close()
        if self._path.is_file() and self._path.stat().st_size:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        # Made here, for TensorFlow would let everybody read it.
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        self._records = self._bytes = 0

    def write(self, record: bytes) -> None:
        """Adds a record.

        Raises:
            OSError: A file cannot be opened.
            tensorflow.errors.OpError: The record cannot be written; the file is as it was.
        """
        import tensorflow as tf

        size = len(record) + _FRAME
        full = self._records >= MOST_RECORDS or self._bytes + size > MOST_BYTES
        # A file that was written to has no writer where the last record failed: it moves aside, whole as it is.
        if self._records and (full or self._writer is None):
            self.prepare()
        if self._writer is None:
            self._writer = tf.io.TFRecordWriter(str(self._path))
        try:
            self._writer.write(record)
            self._writer.flush()
        except Exception:
            # Closed first: what it still holds of the record would else come after the cut.
            with contextlib.suppress(Exception):
                self.close()
            self._writer = None
            with contextlib.suppress(OSError):
                os.truncate(self._path, self._bytes)
            raise
        self._records += 1
        self._bytes += size

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _asked(request: Any, spec: ModelSpec, examples: Sequence[bytes]) -> Any:
    write_spec(request.model_spec, spec, spec.key)
    for example in examples:
        request.input.example_list.examples.add().ParseFromString(example)
    return request

"""Replays a version's warm-up requests before anybody else may ask it (saved_model_warmup_util.cc)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.protocol.signature import CLASSIFY, DEFAULT_SIGNATURE, REGRESS, Signature
from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.protocol.tensors import read_examples, read_tensor
from tlzoo.serving.classification import check_classify, check_regress, classifications, regressions
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.servable import Servable

FILE = "assets.extra/tf_serving_warmup_requests"
MOST_RECORDS = 1000


def replay(servable: Servable, iterations: int, metrics: Metrics) -> int:
    """Runs every recorded request.

    Args:
        servable: Just loaded.
        iterations: How often each request runs.
        metrics: Told how long it took.

    Returns:
        The number of records; 0 where there is no file.

    Raises:
        ServingError: The file is not a TFRecord file (DATA_LOSS), holds more than 1,000 records, or a request fails;
            TensorFlow Serving refuses to load such a version too.
    """
    file = servable.folder / FILE
    if not file.is_file():
        return 0
    started, count = time.perf_counter(), 0
    try:
        for log in _logs(file):
            count += 1
            if count > MOST_RECORDS:
                raise invalid(f"Number of warmup records exceeds the maximum ({MOST_RECORDS}) at {file}")
            for _ in range(iterations):
                _run(servable, log)
    except ServingError as error:
        metrics.warmup(str(servable.folder), error.code, (time.perf_counter() - started) * 1e6, count)
        raise
    metrics.warmup(str(servable.folder), Code.OK, (time.perf_counter() - started) * 1e6, count)
    return count


def _logs(file: Path) -> Iterator[Any]:
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    try:
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            yield prediction_log_pb2.PredictionLog.FromString(record)
    except tf.errors.OpError as error:
        raise ServingError(
            Code(error.error_code), f"{error.message} Please verify your warmup data is in TFRecord format."
        ) from error
    except DecodeError as error:
        raise invalid(
            f"Failed to parse warmup record: {file} holds something other than PredictionLog"
        ) from error


def _run(servable: Servable, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind is None:
        return
    if kind == "predict_log":
        request = log.predict_log.request
        signature = _signature(servable, request.model_spec.signature_name)
        inputs = {alias: read_tensor(alias, tensor) for alias, tensor in request.inputs.items()}
        servable.run(signature.name, inputs, tuple(request.output_filter))
    elif kind == "classify_log":
        request = log.classify_log.request
        _examples(servable, CLASSIFY, request.model_spec.signature_name, request.input)
    elif kind == "regress_log":
        request = log.regress_log.request
        _examples(servable, REGRESS, request.model_spec.signature_name, request.input)
    elif kind == "multi_inference_log":
        request = log.multi_inference_log.request
        for task in request.tasks:
            _examples(servable, task.method_name, task.model_spec.signature_name, request.input)
    else:
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")


def _examples(servable: Servable, method: str, key: str, given: Any) -> None:
    signature, examples = _signature(servable, key), read_examples(given)
    inputs = {"inputs": np.array(examples, dtype=object)}
    if method == CLASSIFY:
        outputs = servable.run(signature.name, inputs, check_classify(signature))
        classifications(outputs, len(examples))
    elif method == REGRESS:
        outputs = servable.run(signature.name, inputs, check_regress(signature))
        regressions(outputs, len(examples))
    else:
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {method}")


def _signature(servable: Servable, name: str) -> Signature:
    key = name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(key)
    if signature is None:
        raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{key}" not found.')
    return signature

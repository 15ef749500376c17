"""Warm-up requests: what TensorFlow Serving asks a new version before real callers do.

TensorFlow Serving replays `assets.extra/tf_serving_warmup_requests` when it loads a version
(https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/saved_model_warmup.md). A record that
fails makes the load fail, so the file holds real images, or texts, only, the same ones the parity check answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from tlzoo.bundle import WARMUP_FILE
from tlzoo.export.answers import answers_of
from tlzoo.export.exportable import Exportable
from tlzoo.export.signatures import example, sample_inputs

BATCH_SIZES = (1, 4)
"""Examples a request: a single one, and a few together as a batching server sends them."""


def write_warmup(folder: Path, exportable: Exportable) -> Path:
    """Writes the warm-up file of a version: every signature, at each of `BATCH_SIZES`.

    Args:
        folder: The version folder.
        exportable: Gives the name, the size and the sample images.

    Returns:
        The file.
    """
    file = folder / WARMUP_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in _requests(exportable):
            writer.write(log.SerializeToString())
    return file


def _requests(exportable: Exportable) -> Iterator[prediction_log_pb2.PredictionLog]:
    # Repeated where there are fewer samples than the largest batch takes.
    most = max(BATCH_SIZES)
    samples = (exportable.samples * most)[:most]
    front, eaten = exportable.front, sample_inputs(exportable)
    eaten = tf.gather(eaten, [at % len(exportable.samples) for at in range(most)])
    for count in BATCH_SIZES:
        raw = tf.constant(samples[:count], tf.string)
        yield _predict(exportable.name, "serving_default", front.raw, raw)
        if front.direct:
            yield _predict(exportable.name, front.direct, front.direct, eaten[:count])
        yield _predict(exportable.name, "features", front.raw, raw)
        examples = tf.constant([example(sample, front.feature) for sample in samples[:count]], tf.string)
        # Predict reaches `classify` too, and warms the same graph whatever the server's flags say of Classify.
        yield _predict(exportable.name, answers_of(exportable).request, "inputs", examples)


def _predict(model: str, signature: str, key: str, value: tf.Tensor) -> prediction_log_pb2.PredictionLog:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))

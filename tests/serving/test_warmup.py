"""Warm-up requests: what runs, and what stops a version from loading."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    predict_pb2,
    prediction_log_pb2,
    regression_pb2,
    session_service_pb2,
)

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.servable import Servable
from tlzoo.serving.warmup import FILE, MOST_RECORDS, replay


@pytest.fixture
def servable(models, tmp_path):
    """half_plus_two 123, whose warm-up file is in a folder of its own and whose runs are counted."""
    one = Servable(models / "half_plus_two" / "00000123")
    one.folder = tmp_path
    one.runs = []
    run = one.run
    one.run = lambda key, inputs, outputs=(): one.runs.append(key) or run(key, inputs, outputs)
    return one


def write(folder, *logs):
    file = folder / FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def predict(key="", alias="x", value=2.0):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "another name", key
    request.inputs[alias].CopyFrom(tf.make_tensor_proto(np.array([value], np.float32)))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))


def example(given):
    one = given.example_list.examples.add()
    one.features.feature["x"].float_list.value.append(2.0)


def classify():
    request = classification_pb2.ClassificationRequest()
    request.model_spec.signature_name = "classify_x_to_y"
    example(request.input)
    return prediction_log_pb2.PredictionLog(classify_log=prediction_log_pb2.ClassifyLog(request=request))


def regress():
    request = regression_pb2.RegressionRequest()
    request.model_spec.signature_name = "regress_x_to_y"
    example(request.input)
    return prediction_log_pb2.PredictionLog(regress_log=prediction_log_pb2.RegressLog(request=request))


def multi():
    request = inference_pb2.MultiInferenceRequest()
    for key, kind in (("regress_x_to_y", "regress"), ("classify_x_to_y", "classify")):
        task = request.tasks.add(method_name=f"tensorflow/serving/{kind}")
        task.model_spec.signature_name = key
    example(request.input)
    return prediction_log_pb2.PredictionLog(
        multi_inference_log=prediction_log_pb2.MultiInferenceLog(request=request)
    )


def test_every_kind_runs(servable, tmp_path):
    write(tmp_path, predict(), classify(), regress(), multi(), prediction_log_pb2.PredictionLog())
    assert replay(servable, 1, Metrics()) == 5
    assert servable.runs == [
        "serving_default",
        "classify_x_to_y",
        "regress_x_to_y",
        "regress_x_to_y",
        "classify_x_to_y",
    ]


def test_as_often_as_told(servable, tmp_path):
    write(tmp_path, predict())
    assert replay(servable, 3, Metrics()) == 1
    assert servable.runs == ["serving_default"] * 3


def test_without_a_file_there_is_nothing_to_do(servable):
    assert replay(servable, 1, Metrics()) == 0


@pytest.mark.parametrize(
    ("log", "code", "said"),
    [
        (predict(key="nope"), Code.FAILED_PRECONDITION, 'Serving signature key "nope" not found'),
        (predict(alias="z"), Code.INVALID_ARGUMENT, "z"),
        (
            prediction_log_pb2.PredictionLog(
                session_run_log=prediction_log_pb2.SessionRunLog(
                    request=session_service_pb2.SessionRunRequest()
                )
            ),
            Code.UNIMPLEMENTED,
            "Unsupported log_type for warmup",
        ),
        (
            prediction_log_pb2.PredictionLog(
                predict_streamed_log=prediction_log_pb2.PredictStreamedLog(request=[])
            ),
            Code.UNIMPLEMENTED,
            "Unsupported log_type for warmup",
        ),
    ],
)
def test_a_record_that_fails_fails_the_load(servable, tmp_path, log, code, said):
    write(tmp_path, predict(), log)
    metrics = Metrics()
    with pytest.raises(ServingError, match=said) as caught:
        replay(servable, 1, metrics)
    assert caught.value.code is code
    assert f'status="{code.name}"' in metrics.render()


def test_too_many_records(servable, tmp_path):
    write(tmp_path, *[prediction_log_pb2.PredictionLog()] * (MOST_RECORDS + 1))
    with pytest.raises(ServingError, match=r"Number of warmup records exceeds the maximum \(1000\) at "):
        replay(servable, 1, Metrics())


def test_a_file_of_another_kind(servable, tmp_path):
    file = tmp_path / FILE
    file.parent.mkdir()
    file.write_text("these are no records, whatever they are\n" * 10)
    with pytest.raises(ServingError, match="Please verify your warmup data is in TFRecord format") as caught:
        replay(servable, 1, Metrics())
    assert caught.value.code is Code.DATA_LOSS


def test_records_of_something_else(servable, tmp_path):
    file = tmp_path / FILE
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(b"\xff\xff\xff")
    with pytest.raises(ServingError, match="holds something other than PredictionLog"):
        replay(servable, 1, Metrics())

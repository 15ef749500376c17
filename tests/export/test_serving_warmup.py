import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.export.tiny_classifier import SAMPLES, SIZE
from tlzoo.bundle import WARMUP_FILE, read_bundle


def logs(folder):
    records = tf.data.TFRecordDataset(str(folder / WARMUP_FILE))
    return [prediction_log_pb2.PredictionLog.FromString(record.numpy()) for record in records]


def test_every_signature_is_warmed_with_one_image_and_with_several(bundle_dir):
    requests = [log.predict_log.request for log in logs(bundle_dir / "1")]
    asked = [
        (request.model_spec.signature_name, next(iter(request.inputs.values())).tensor_shape.dim[0].size)
        for request in requests
    ]
    names = ["serving_default", "pixels", "features", "classify"]
    assert asked == [(name, count) for count in (1, 4) for name in names]
    assert {request.model_spec.name for request in requests} == {"tiny photos"}


def test_no_warmup_request_fails_and_none_lacks_an_input(bundle_dir):
    folder, facts = read_bundle(bundle_dir)
    signatures = tf.saved_model.load(str(folder)).signatures
    for log in logs(folder):
        request = log.predict_log.request
        name = request.model_spec.signature_name
        assert set(request.inputs) == set(facts.signatures[name].inputs)
        given = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        for key, described in facts.signatures[name].inputs.items():
            assert given[key].dtype.name == described.dtype
        assert signatures[name](**given)


def test_warmup_images_are_real_samples(bundle_dir):
    first = logs(bundle_dir / "1")[0].predict_log.request
    assert list(first.inputs["image_bytes"].string_val) == [SAMPLES[0]]
    pixels = tf.make_ndarray(logs(bundle_dir / "1")[1].predict_log.request.inputs["pixels"])
    assert pixels.shape == (1, *SIZE, 3)
    assert pixels.dtype == np.float32
    assert pixels.max() > 1

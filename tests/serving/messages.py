"""Requests of PredictionService, in few words."""

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, predict_pb2, regression_pb2

from tlzoo.protocol.tensors import write_tensor

HALF = "half_plus_two"
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def spec(message, model, signature="", version=None, label=None):
    message.model_spec.name, message.model_spec.signature_name = model, signature
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    return message


def predict(model=HALF, signature="", version=None, label=None, **inputs):
    message = spec(predict_pb2.PredictRequest(), model, signature, version, label)
    for name, value in inputs.items():
        write_tensor(message.inputs[name], np.asarray(value))
    return message


def example(**features):
    message = tf.train.Example()
    for name, value in features.items():
        message.features.feature[name].float_list.value.extend(np.atleast_1d(value).tolist())
    return message


def classify(model, signature, *examples, **more):
    message = spec(classification_pb2.ClassificationRequest(), model, signature, **more)
    message.input.example_list.examples.extend(examples)
    return message


def regress(model, signature, *examples, **more):
    message = spec(regression_pb2.RegressionRequest(), model, signature, **more)
    message.input.example_list.examples.extend(examples)
    return message


def multi(*tasks, examples=()):
    message = inference_pb2.MultiInferenceRequest()
    for model, signature, method in tasks:
        task = message.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = model, signature
    message.input.example_list.examples.extend(examples)
    return message

"""TensorFlow Serving's gRPC services for tests."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.client.contract_server import Models, Refusal, classified, metadata_proto, regressed, status_proto


class Services(
    prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer
):
    def __init__(self, models: Models) -> None:
        self.models = models

    def _find(self, spec):
        kind = spec.WhichOneof("version_choice")
        version = spec.version.value if kind == "version" else None
        return self.models.find(spec.name, version, spec.version_label if kind == "version_label" else None)

    @contextlib.contextmanager
    def _asked(self, context, request):
        self.models.asked.append((type(request).__name__, dict(context.invocation_metadata()), request))
        if self.models.faults:
            code, text, *trailing = self.models.faults.popleft()
            context.set_trailing_metadata(tuple(trailing))
            context.abort(code, text)
        try:
            with self.models.working():
                yield
        except Refusal as error:
            context.abort(error.code, error.message)

    def Predict(self, request, context):
        with self._asked(context, request):
            version, model = self._find(request.model_spec)
            name = request.model_spec.signature_name or "serving_default"
            if name not in model.signatures:
                text = f'Serving signature key "{name}" not found.'
                raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, text)
            inputs = {
                key: tf.io.parse_tensor(one.SerializeToString(), tf.dtypes.as_dtype(one.dtype))
                for key, one in request.inputs.items()
            }
            reply = predict_pb2.PredictResponse()
            reply.model_spec.name, reply.model_spec.version.value = request.model_spec.name, version
            for key, array in model.run(name, inputs).items():
                reply.outputs[key].CopyFrom(typed(array))
            return reply
        return None

    def Classify(self, request, context):
        with self._asked(context, request):
            _, model = self._find(request.model_spec)
            reply = classification_pb2.ClassificationResponse()
            for row in classified(model, request.model_spec.signature_name, examples_in(request.input)):
                one = reply.result.classifications.add()
                for label, score in row:
                    one.classes.add(label=label, score=score)
            return reply
        return None

    def Regress(self, request, context):
        with self._asked(context, request):
            _, model = self._find(request.model_spec)
            reply = regression_pb2.RegressionResponse()
            for value in regressed(model, request.model_spec.signature_name, examples_in(request.input)):
                reply.result.regressions.add(value=value)
            return reply
        return None

    def GetModelMetadata(self, request, context):
        with self._asked(context, request):
            version, model = self._find(request.model_spec)
            reply = get_model_metadata_pb2.GetModelMetadataResponse()
            reply.model_spec.name, reply.model_spec.version.value = request.model_spec.name, version
            assert list(request.metadata_field) == ["signature_def"]
            reply.metadata["signature_def"].Pack(metadata_proto(model))
            return reply
        return None

    def GetModelStatus(self, request, context):
        with self._asked(context, request):
            spec = request.model_spec
            return status_proto(
                self.models, spec.name, spec.version.value if spec.HasField("version") else None
            )
        return None


def typed(array: np.ndarray):
    """Writes typed fields, as TensorFlow Serving does."""
    proto = tf.make_tensor_proto(array)
    field = {"float32": "float_val", "float64": "double_val", "int64": "int64_val", "bool": "bool_val"}.get(
        array.dtype.name
    )
    if field is None or not proto.tensor_content:
        return proto
    proto.tensor_content = b""
    del getattr(proto, field)[:]
    getattr(proto, field).extend(array.ravel().tolist())
    return proto


def examples_in(given):
    if given.WhichOneof("kind") == "example_list":
        return list(given.example_list.examples)
    found = []
    for one in given.example_list_with_context.examples:
        merged = tf.train.Example()
        merged.MergeFrom(given.example_list_with_context.context)
        merged.MergeFrom(one)
        found.append(merged)
    return found


@contextlib.contextmanager
def grpc_server(
    models: Models, port: int = 0, credentials=None, predict_reply: bytes | None = None, **options
):
    """Serves gRPC; gives the port. `predict_reply` is what Predict answers, whatever it is asked."""
    pool = ThreadPoolExecutor(8)
    server = grpc.server(pool, options=[(f"grpc.{name}", value) for name, value in options.items()])
    if predict_reply is not None:
        answer = grpc.unary_unary_rpc_method_handler(lambda request, context: predict_reply)
        always = grpc.method_handlers_generic_handler(
            "tensorflow.serving.PredictionService", {"Predict": answer}
        )
        server.add_generic_rpc_handlers((always,))
    services = Services(models)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(services, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(services, server)
    if credentials is None:
        port = server.add_insecure_port(f"127.0.0.1:{port}")
    else:
        port = server.add_secure_port(f"localhost:{port}", credentials)
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()
        pool.shutdown()

"""`tensorflow.serving.PredictionService` over an `Inference`."""

from __future__ import annotations

from typing import Any

from tlzoo.serving import prediction
from tlzoo.serving.grpc_calls import Method
from tlzoo.serving.inference import Inference
from tlzoo.serving.metrics import Metrics

NAME = "tensorflow.serving.PredictionService"


class PredictionService:
    """Its five methods; each gets a message and seconds, and returns a message or raises `ServingError`.

    Args:
        inference: The models.
        metrics: Told how many examples came.
        content: Whether Predict's replies use `tensor_content`.
    """

    def __init__(self, inference: Inference, metrics: Metrics, content: bool = False) -> None:
        self._inference, self._metrics, self._content = inference, metrics, content

    def methods(self) -> list[Method]:
        """Returns what is to be served."""
        from tensorflow_serving.apis import (
            classification_pb2,
            get_model_metadata_pb2,
            inference_pb2,
            predict_pb2,
            regression_pb2,
        )

        return [
            Method(NAME, "Predict", predict_pb2.PredictRequest, self.predict, "predict_log"),
            Method(NAME, "Classify", classification_pb2.ClassificationRequest, self.classify, "classify_log"),
            Method(NAME, "Regress", regression_pb2.RegressionRequest, self.regress, "regress_log"),
            Method(
                NAME,
                "MultiInference",
                inference_pb2.MultiInferenceRequest,
                self.multi_inference,
                "multi_inference_log",
            ),
            Method(NAME, "GetModelMetadata", get_model_metadata_pb2.GetModelMetadataRequest, self.metadata),
        ]

    async def predict(self, request: Any, timeout: float | None) -> Any:
        """Answers a `PredictRequest`."""
        prediction.require_spec(request)
        async with self._inference.hold(prediction.spec_of(request.model_spec)) as held:
            return await prediction.predict(held, request, timeout, self._content)

    async def classify(self, request: Any, timeout: float | None) -> Any:
        """Answers a `ClassificationRequest`."""
        prediction.require_spec(request)
        async with self._inference.hold(prediction.spec_of(request.model_spec)) as held:
            response = await prediction.classify(held, request, timeout)
        self._metrics.examples(held.spec.name, len(response.result.classifications))
        return response

    async def regress(self, request: Any, timeout: float | None) -> Any:
        """Answers a `RegressionRequest`."""
        prediction.require_spec(request)
        async with self._inference.hold(prediction.spec_of(request.model_spec)) as held:
            response = await prediction.regress(held, request, timeout)
        self._metrics.examples(held.spec.name, len(response.result.regressions))
        return response

    async def multi_inference(self, request: Any, timeout: float | None) -> Any:
        """Answers a `MultiInferenceRequest`."""
        async with self._inference.hold(prediction.spec_of(prediction.first_spec(request))) as held:
            response = await prediction.multi_inference(held, request, timeout)
        first = response.results[0]
        answers = first.classification_result.classifications or first.regression_result.regressions
        self._metrics.examples(held.spec.name, len(answers))
        return response

    async def metadata(self, request: Any, timeout: float | None) -> Any:
        """Answers a `GetModelMetadataRequest`."""
        prediction.check_metadata_request(request)
        async with self._inference.hold(prediction.spec_of(request.model_spec)) as held:
            return prediction.metadata(held)

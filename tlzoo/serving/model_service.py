"""`tensorflow.serving.ModelService` over an `Inference`."""

from __future__ import annotations

import logging
from typing import Any

from tlzoo.protocol.status import ServingError, invalid
from tlzoo.serving.grpc_calls import Method
from tlzoo.serving.inference import Inference
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.prediction import require_spec

NAME = "tensorflow.serving.ModelService"

log = logging.getLogger("tlzoo.serving")


class ModelService:
    """Its two methods; each gets a message and seconds, and returns a message or raises `ServingError`.

    Args:
        inference: The models.
        metrics: What a reload is asked to tell the growth of.
    """

    def __init__(self, inference: Inference, metrics: Metrics) -> None:
        self._inference, self._metrics = inference, metrics

    def methods(self) -> list[Method]:
        """Returns what is to be served."""
        from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

        return [
            Method(NAME, "GetModelStatus", get_model_status_pb2.GetModelStatusRequest, self.status),
            Method(NAME, "HandleReloadConfigRequest", model_management_pb2.ReloadConfigRequest, self.reload),
        ]

    async def status(self, request: Any, timeout: float | None) -> Any:
        """Answers a `GetModelStatusRequest`, of one version or all; a label is not looked at."""
        from tensorflow_serving.apis import get_model_status_pb2

        require_spec(request)
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        response = get_model_status_pb2.GetModelStatusResponse()
        for found in self._inference.status(spec.name, version):
            one = response.model_version_status.add(version=found.version, state=found.state)
            one.status.error_code, one.status.error_message = int(found.code), found.message
        return response

    async def reload(self, request: Any, timeout: float | None) -> Any:
        """Answers a `ReloadConfigRequest`, which replaces the whole configuration.

        The reply says how much each counter of `metric_names` has grown meanwhile. Where the reload fails, the call
        has its status (model_servers/model_service_impl.cc).
        """
        from tensorflow_serving.apis import model_management_pb2

        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        before = self._metrics.counters()
        try:
            await self._inference.reload(request.config)
        except ServingError as error:
            log.error("ReloadConfig failed: %s", error.message)
            raise
        after = self._metrics.counters()
        response = model_management_pb2.ReloadConfigResponse()
        response.status.error_code = 0
        response.status.SetInParent()
        for name in request.metric_names:
            if name in after:
                response.metric.add(name=name, int64_value_increase=after[name] - before[name])
        return response

"""A core and its gRPC port, on an event loop in a thread, so that tests may use plain blocking clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from tlzoo.serving.core import Core
from tlzoo.serving.grpc_server import start_grpc
from tlzoo.serving.limits import Limits
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import ModelConfig, Policy, ServerOptions

SECONDS = 60


class Running:
    """Starts on entering: `with Running(options) as server: server.prediction.Predict(...)`."""

    def __init__(
        self, options: ServerOptions, inference: Any = None, access_log=None, request_log=None
    ) -> None:
        self.options, self.metrics = options, Metrics()
        self.core = inference or Core(options, self.metrics)
        self.limits = Limits(options.additions)
        self.access_log, self.request_log = access_log, request_log
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def __enter__(self) -> Running:
        self._thread.start()
        self.do(self._start())
        self.channel = grpc.insecure_channel(self.address)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self.channel)
        return self

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.grpc.port}"

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    async def _start(self) -> None:
        if isinstance(self.core, Core):
            await self.core.start()
        self.grpc = await start_grpc(
            self.core, self.options, self.metrics, self.limits, self.access_log, self.request_log
        )

    async def _close(self) -> None:
        await self.grpc.stop(5)
        if isinstance(self.core, Core):
            await self.core.close()


def options(folder: Path, *names: str, **more: Any) -> ServerOptions:
    """Models of the fixture, all their versions."""
    models = tuple(ModelConfig(name, folder / name, Policy("all")) for name in names or ("half_plus_two",))
    return ServerOptions(models, grpc_port=0, poll_seconds=0, **more)


def labelled(options: ServerOptions, **labels: int) -> ServerOptions:
    """The same, with labels for the first model, whose versions need not be there yet."""
    first, *others = options.models
    models = (replace(first, labels=labels), *others)
    return replace(options, models=models, labels_for_unavailable=True)


def refused(call: Any, *arguments: Any, **more: Any) -> tuple[str, str]:
    """Calls, and returns the name of the code and the text of the error that must come."""
    try:
        reply = call(*arguments, timeout=SECONDS, **more)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError(f"answered: {reply}")

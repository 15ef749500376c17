"""Answers requests to `/v1/…`: routes, JSON in, an `Inference` in the middle, JSON out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from tlzoo.protocol.signature import ModelSpec
from tlzoo.protocol.status import invalid
from tlzoo.serving.inference import Classes, Held, Inference
from tlzoo.serving.json_examples import read_examples
from tlzoo.serving.json_reader import read_json
from tlzoo.serving.json_request import read_inputs, signature_name
from tlzoo.serving.json_writer import write_metadata, write_predictions, write_results, write_status
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.request_log import RequestLog
from tlzoo.serving.routes import Route

T = TypeVar("T")
_SMALL = 32 * 1024
"""Bodies below it are read on the event loop: a thread would cost more than it saves."""


@dataclass(frozen=True)
class Api:
    """The REST API of one server.

    Attributes:
        inference: Its models.
        metrics: Told how many examples came.
        timeout: Seconds one computation may take; None for any.
        request_log: Offered every request that succeeded; None for none.
    """

    inference: Inference
    metrics: Metrics
    timeout: float | None
    request_log: RequestLog | None = None

    async def answer(self, route: Route, body: bytes) -> bytes:
        """Returns the body of a successful reply.

        Raises:
            ServingError: Anything else.
        """
        if route.kind == "status":
            return write_status(self.inference.status(route.spec.name, route.spec.version))
        if route.kind == "metadata":
            async with self.inference.hold(route.spec) as held:
                return write_metadata(held.spec, held.metadata())
        if route.kind == "predict":
            return await self._predict(route.spec, body)
        return await self._examples(route, body)

    async def _predict(self, spec: ModelSpec, body: bytes) -> bytes:
        size = len(body)
        document = await _read(size, read_json, body)
        spec = replace(spec, signature=signature_name(document))
        async with self.inference.hold(spec) as held:
            signature = held.signatures.get(held.spec.key)
            if signature is None:
                raise invalid(f'Serving signature name: "{held.spec.key}" not found in signature def')
            if not signature.inputs:
                raise invalid(f"Failed to get input map for signature: {held.spec.key}")
            inputs, row = await _read(size, read_inputs, document, signature)
            outputs = await held.predict(signature, inputs, timeout=self.timeout)
            if self.request_log is not None:
                self.request_log.predicted(held.spec, inputs, outputs)
        written = sum(one.nbytes for one in outputs.values())
        return await _read(written, write_predictions, outputs, row)

    async def _examples(self, route: Route, body: bytes) -> bytes:
        document = await _read(len(body), read_json, body)
        spec = replace(route.spec, signature=signature_name(document))
        examples = await _read(len(body), read_examples, document)
        async with self.inference.hold(spec) as held:
            results = await self._ask(held, route.kind == "classify", examples)
        self.metrics.examples(spec.name, len(examples))
        return write_results(results)

    async def _ask(self, held: Held, classify: bool, examples: list[bytes]) -> list[Classes] | list[float]:
        if classify:
            classes = await held.classify(examples, timeout=self.timeout)
            if self.request_log is not None:
                self.request_log.classified(held.spec, examples, classes)
            return classes
        numbers = await held.regress(examples, timeout=self.timeout)
        if self.request_log is not None:
            self.request_log.regressed(held.spec, examples, numbers)
        return numbers


async def _read(size: int, function: Callable[..., T], *given: object) -> T:
    return function(*given) if size < _SMALL else await asyncio.to_thread(function, *given)

"""A version that a request holds: computes for it, one by one or in batches, within its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

import numpy as np

from tlzoo.protocol.signature import Arrays, ModelSpec, Signature
from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.serving.classification import check_classify, check_regress, classifications, regressions
from tlzoo.serving.inference import Classes
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.versions import Version


class HeldVersion:
    """The `Held` of `inference.py`.

    Args:
        spec: Name, number and the key of the signature.
        version: What is held; its servable is there for as long as this lives.
        pool: Where requests run that are not joined.
        metrics: Told how long computing took.
    """

    def __init__(self, spec: ModelSpec, version: Version, pool: Executor, metrics: Metrics) -> None:
        assert version.loaded is not None  # noqa: S101  Only available versions are held.
        self.spec, self._version, self._pool, self._metrics = spec, version, pool, metrics
        self._loaded = version.loaded

    @property
    def signatures(self) -> dict[str, Signature]:
        """All signatures of the servable."""
        return self._loaded.servable.signatures

    def metadata(self) -> Any:
        """Returns the servable's `SignatureDefMap`."""
        return self._loaded.servable.metadata()

    async def predict(
        self, signature: Signature, inputs: Arrays, outputs: Sequence[str] = (), timeout: float | None = None
    ) -> Arrays:
        """Computes outputs by alias, all if none is named; see `Servable.run`."""
        return await self._compute("Predict", signature, inputs, outputs, timeout)

    async def classify(self, examples: Sequence[bytes], timeout: float | None = None) -> list[Classes]:
        """Returns the classes of each serialized example."""
        signature = self._by_key()
        asked = check_classify(signature)
        outputs = await self._compute("Classify", signature, _examples(examples), asked, timeout)
        return classifications(outputs, len(examples))

    async def regress(self, examples: Sequence[bytes], timeout: float | None = None) -> list[float]:
        """Returns the number of each serialized example."""
        signature = self._by_key()
        asked = check_regress(signature)
        outputs = await self._compute("Regress", signature, _examples(examples), asked, timeout)
        return regressions(outputs, len(examples))

    def _by_key(self) -> Signature:
        signature = self.signatures.get(self.spec.key)
        if signature is None:
            raise invalid(f"No signature was found with the name: {self.spec.key}")
        return signature

    async def _compute(
        self, api: str, signature: Signature, inputs: Arrays, outputs: Sequence[str], timeout: float | None
    ) -> dict[str, np.ndarray]:
        started = time.perf_counter()
        work = self._start(signature, inputs, outputs)
        # What is computed cannot be stopped: its version must stay until it ends, whoever still waits for it.
        loop = asyncio.get_running_loop()
        self._version.hold()
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(self._version.release))
        try:
            answers = await asyncio.wait_for(asyncio.wrap_future(work), timeout)
        except TimeoutError:
            raise ServingError(Code.DEADLINE_EXCEEDED, f"Timed out after {timeout:g} seconds.") from None
        self._metrics.runtime_latency(self.spec.name, api, (time.perf_counter() - started) * 1e6)
        return answers

    def _start(
        self, signature: Signature, inputs: Arrays, outputs: Sequence[str]
    ) -> Future[dict[str, np.ndarray]]:
        servable, batching = self._loaded.servable, self._loaded.batching
        run = partial(_run, servable.run, signature.name, tuple(outputs))
        if batching is None or (outputs and set(outputs) != set(signature.outputs)):
            return self._pool.submit(run, inputs)
        return batching.submit(signature.name, run, inputs)


def _run(function: Any, key: str, outputs: tuple[str, ...], inputs: Arrays) -> dict[str, np.ndarray]:
    answers: dict[str, np.ndarray] = function(key, inputs, outputs)
    return answers


def _examples(examples: Sequence[bytes]) -> Arrays:
    return {"inputs": np.array(list(examples), dtype=object)}

"""Inferences that need no TensorFlow graph: to be slow, to break, and to remember what they were asked."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager

import numpy as np

from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import ModelSpec, Signature, TensorInfo


class Echo:
    """One model, `echo`, whose one signature gives back `x` as `y`; it is its own `Held`.

    Args:
        error: Raised by each prediction.
        slow: Whether predictions wait for `go`.
    """

    def __init__(self, error: Exception | None = None, slow: bool = False) -> None:
        info = TensorInfo("x:0", DTYPES[1], None)
        self.spec = ModelSpec("echo", 1, signature="serving_default")
        self.signatures = {"serving_default": Signature("serving_default", {"x": info}, {"y": info})}
        self.error, self.slow = error, slow
        self.timeouts: list[float | None] = []
        self.begun, self.cancelled, self.go = threading.Event(), threading.Event(), threading.Event()

    @asynccontextmanager
    async def hold(self, spec: ModelSpec):
        yield self

    async def predict(self, signature, inputs, outputs=(), timeout=None):
        self.timeouts.append(timeout)
        self.begun.set()
        try:
            while self.slow and not self.go.is_set():
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.error is not None:
            raise self.error
        return {"y": np.asarray(inputs["x"])}

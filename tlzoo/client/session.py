"""One model at one server: asks with patience, and remembers for a while what the model takes."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from tlzoo.client.address import Address
from tlzoo.client.metadata import Metadata
from tlzoo.client.options import Settings
from tlzoo.client.retry import Deadline, persist
from tlzoo.client.transport import transport_for
from tlzoo.errors import ReplyError, ServerError, UsageError
from tlzoo.protocol.signature import DEFAULT_SIGNATURE
from tlzoo.protocol.status import VersionStatus

if TYPE_CHECKING:
    import numpy as np

    from tlzoo.client.examples import Features

T = TypeVar("T")
C = TypeVar("C")

FRESH_SECONDS = 30.0
"""How long what a model takes is remembered, where a new version may take its place."""

_NOT_YET = frozenset({"NOT_FOUND", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})


class Session:
    """Asks one model.

    Args:
        address: The server's.
        settings: Limits, retries, tokens and the like.
        model: The model's name, if the address has none.

    Raises:
        UsageError: Nobody says which model.
    """

    def __init__(self, address: Address, settings: Settings, model: str | None) -> None:
        self.address, self.settings = address, settings
        self.spec = settings.spec(address, model)
        self.transport = transport_for(address, settings)
        self._known: Metadata | None = None
        self._until = -math.inf

    def deadline(self) -> Deadline:
        """Returns the time limit of a question that is asked now."""
        return Deadline(self.settings.timeout)

    async def status(self) -> list[VersionStatus]:
        """Returns where the versions of the model stand."""
        where = self._where("status")
        return await self._persist(
            lambda left: self.transport.status(self.spec, left), self.deadline(), where
        )

    async def metadata(self, deadline: Deadline) -> Metadata:
        """Asks what the model takes, and remembers it."""
        where, now = self._where("metadata"), asyncio.get_running_loop().time()
        self._known = await self._persist(
            lambda left: self.transport.metadata(self.spec, left), deadline, where
        )
        # A version never changes; what is newest, or bears a label, does.
        self._until = math.inf if self.spec.version is not None else now + FRESH_SECONDS
        return self._known

    async def about(self, deadline: Deadline, use: Callable[[Metadata], Awaitable[T]]) -> T:
        """Uses what is known of the model; asks anew, once, if that does not fit any more."""
        known = self._known
        if known is None or asyncio.get_running_loop().time() >= self._until:
            return await use(await self.metadata(deadline))
        try:
            return await use(known)
        except (UsageError, ReplyError):
            newest = await self.metadata(deadline)
            if newest == known:
                raise
            return await use(newest)

    async def predict(
        self, name: str, metadata: Metadata, inputs: Mapping[str, np.ndarray], deadline: Deadline
    ) -> dict[str, np.ndarray]:
        """Runs one signature."""
        spec, signature = dataclasses.replace(self.spec, signature=name), metadata.signature(name)
        return await self._persist(
            lambda left: self.transport.predict(spec, signature, inputs, left),
            deadline,
            self._where(f"signature '{name}'"),
        )

    async def examples(
        self, verb: str, examples: Sequence[Features], context: Features | None, signature: str | None
    ) -> list[Any]:
        """Asks `classify` or `regress`, in as many requests as it takes."""
        from tlzoo.client.splitting import slices

        if not examples:
            return []
        metadata = await self.metadata(self.deadline()) if self._known is None else self._known
        name = signature or (verb if verb in metadata.signatures else DEFAULT_SIGNATURE)
        spec, where = dataclasses.replace(self.spec, signature=name), self._where(f"signature '{name}'")
        ask = self.transport.classify if verb == "classify" else self.transport.regress

        async def some(part: slice) -> list[Any]:
            def once(left: float | None) -> Awaitable[list[Any]]:
                return ask(spec, examples[part], context, left)

            return await self._persist(once, self.deadline(), where)

        lengths = [sum(_size(values) for values in one.values()) for one in examples]
        parts = slices(lengths, self.settings.batch_size, self.settings.batch_bytes)
        return [result for results in await self.all(parts, some) for result in results]

    async def all(self, parts: Sequence[C], work: Callable[[C], Awaitable[T]]) -> list[T]:
        """Works on several parts at a time; returns results in their order."""
        from tlzoo.client.batches import in_order

        async def each() -> AsyncIterator[C]:
            for part in parts:
                yield part

        return [result async for result in in_order(each(), work, self.settings.concurrency)]

    async def probe(self, timeout: float) -> ServerError | None:
        """Asks once whether the model answers.

        Metadata are asked for, because TensorFlow Serving gives a status before a version is available.

        Args:
            timeout: Seconds.

        Returns:
            Why it does not answer yet; None if it does.

        Raises:
            ServerError: It will not, however long one waits.
        """
        where = self._where("metadata")
        try:
            await persist(lambda left: self.transport.metadata(self.spec, left), Deadline(timeout), 0, where)
        except ServerError as error:
            # A label that no version bears yet is the caller's mistake in TensorFlow Serving's eyes.
            awaited = self.spec.label is not None and error.code == "INVALID_ARGUMENT"
            if error.code not in _NOT_YET and not awaited:
                raise
            return error
        return None

    def _where(self, what: str) -> str:
        return f"{self.address}, {what} of '{self.spec.name}',"

    async def _persist(
        self, ask: Callable[[float | None], Awaitable[T]], deadline: Deadline, where: str
    ) -> T:
        return await persist(ask, deadline, self.settings.retries, where)


def _size(values: Sequence[Any]) -> int:
    return sum(len(one) if isinstance(one, bytes) else 8 for one in values)

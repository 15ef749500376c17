"""What a client needs of a protocol: five questions and their typed answers."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from tlzoo.client.address import Address
from tlzoo.client.metadata import Metadata
from tlzoo.client.options import Settings
from tlzoo.protocol.signature import Arrays, ModelSpec, Signature
from tlzoo.protocol.status import VersionStatus

if TYPE_CHECKING:
    import numpy as np

    from tlzoo.client.examples import Features

T = TypeVar("T")

_LARGE = 2**20


class Scored(NamedTuple):
    """A class of one example.

    Attributes:
        label: Its name; empty where the model gives none.
        score: Its score; 0 where the model gives none.
    """

    label: str
    score: float


class Transport(Protocol):
    """One protocol to one server.

    Every question takes the seconds that are left, None for any number, and raises `ServerError`. Nothing is tried
    twice here.
    """

    async def metadata(self, spec: ModelSpec, left: float | None) -> Metadata:
        """Returns what can be asked of a model."""

    async def status(self, spec: ModelSpec, left: float | None) -> list[VersionStatus]:
        """Returns where the versions of a model stand, newest first."""

    async def predict(
        self, spec: ModelSpec, signature: Signature, inputs: Arrays, left: float | None
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature, by name."""

    async def classify(
        self, spec: ModelSpec, examples: Sequence[Features], context: Features | None, left: float | None
    ) -> list[list[Scored]]:
        """Returns the classes of each example."""

    async def regress(
        self, spec: ModelSpec, examples: Sequence[Features], context: Features | None, left: float | None
    ) -> list[float]:
        """Returns the number of each example."""

    async def close(self) -> None:
        """Gives connections back."""


def transport_for(address: Address, settings: Settings) -> Transport:
    """Returns the transport that an address asks for; connects to nothing yet."""
    if address.protocol == "grpc":
        from tlzoo.client.grpc_transport import GrpcTransport

        return GrpcTransport(address, settings)
    from tlzoo.client.rest_transport import RestTransport

    return RestTransport(address, settings)


async def off_loop(nbytes: int, work: Callable[..., T], *arguments: object) -> T:
    """Runs a function; in a thread if it has much to do, so that it does not hold up what else the loop waits for.

    Args:
        nbytes: How much it reads or writes.
        work: The function.
        arguments: Its arguments.
    """
    if nbytes < _LARGE:
        return work(*arguments)
    return await asyncio.get_running_loop().run_in_executor(None, functools.partial(work, *arguments))


def nbytes(inputs: Arrays) -> int:
    """Returns how many bytes the values of arrays take."""
    return sum(
        sum(map(len, array.ravel().tolist())) if array.dtype == object else array.nbytes
        for array in inputs.values()
    )

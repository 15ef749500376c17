"""What REST and gRPC both ask of a server: five questions and their typed answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from tlzoo.protocol.signature import Arrays, ModelSpec, Signature
from tlzoo.protocol.status import VersionStatus

__all__ = ["Classes", "Held", "Inference", "VersionStatus"]

Classes = list[tuple[str, float]]
"""Label and score of each class of one example."""


class Held(Protocol):
    """A loaded version that stays loaded for as long as it is held.

    Every call raises `ServingError`; `timeout` is in seconds, None for no limit.
    """

    @property
    def spec(self) -> ModelSpec:
        """Name, number of the version that was chosen, and the signature's key, which may not exist."""

    @property
    def signatures(self) -> dict[str, Signature]:
        """All its signatures, `__saved_model_init_op` among them."""

    def metadata(self) -> Any:
        """Returns its `tensorflow.serving.SignatureDefMap`."""

    async def predict(
        self, signature: Signature, inputs: Arrays, outputs: Sequence[str] = (), timeout: float | None = None
    ) -> Arrays:
        """Computes the named outputs (all, if none is named) of whatever inputs are given."""

    async def classify(self, examples: Sequence[bytes], timeout: float | None = None) -> list[Classes]:
        """Classifies serialized `tensorflow.Example`s by the signature that `spec` names."""

    async def regress(self, examples: Sequence[bytes], timeout: float | None = None) -> list[float]:
        """Computes one number for each serialized `tensorflow.Example`."""


class Inference(Protocol):
    """The models of a server, as requests see them."""

    def hold(self, spec: ModelSpec) -> AbstractAsyncContextManager[Held]:
        """Chooses a version and keeps it loaded until the block ends.

        Raises:
            ServingError: NOT_FOUND `Servable not found for request: Latest(m)`, or INVALID_ARGUMENT `Unrecognized
                servable version label: x`.
        """

    def status(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """Returns where versions stand, newest first.

        Raises:
            ServingError: NOT_FOUND `Could not find any versions of model m`, or `Could not find version 9 of model m`.
        """

    async def reload(self, config: Any) -> None:
        """Takes over a `tensorflow.serving.ModelServerConfig`; returns once what is new is available.

        Raises:
            ServingError: The configuration is refused, or something new does not load.
        """

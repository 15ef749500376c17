"""Everything a client can be told beside where the server is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from tlzoo.client.address import Address
from tlzoo.errors import UsageError
from tlzoo.protocol.signature import ModelSpec


class Options(TypedDict, total=False):
    """What `Client` and `AsyncClient` take by keyword.

    Attributes:
        version: The version to ask; by default the newest that is served.
        label: The label of the version to ask, such as `stable`.
        timeout: Seconds that an answer may take, all attempts and the waits between them included; None for no limit.
        retries: Further attempts where the server is not there, or busy.
        token: Sent as `Authorization: Bearer …`.
        batch_size: Items sent at once, at most.
        batch_bytes: Their bytes, at most; a larger item goes alone.
        concurrency: Requests on their way at a time.
        root_certificates: A PEM file of those whose signature makes a server's certificate valid; by default those that
            the machine trusts.
        certificate: A PEM file of the client's own certificate, for servers that want one.
        key: A PEM file of its private key.
    """

    version: int | None
    label: str | None
    timeout: float | None
    retries: int
    token: str | None
    batch_size: int
    batch_bytes: int
    concurrency: int
    root_certificates: Path | str | None
    certificate: Path | str | None
    key: Path | str | None


@dataclass(frozen=True)
class Settings:
    """`Options`, all of them, with their defaults, found to make sense."""

    version: int | None = None
    label: str | None = None
    timeout: float | None = 30.0
    retries: int = 3
    token: str | None = None
    batch_size: int = 32
    batch_bytes: int = 16 * 2**20
    concurrency: int = 4
    root_certificates: Path | str | None = None
    certificate: Path | str | None = None
    key: Path | str | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.label is not None:
            raise UsageError(
                f"version {self.version} and label '{self.label}'.",
                allowed="one of them.",
                do="Leave one out.",
            )
        if self.version is not None and not 0 <= self.version < 2**63:
            raise UsageError(f"version {self.version}.", allowed="0 to 2**63 - 1.")
        if self.timeout is not None and not self.timeout > 0:
            raise UsageError(f"a timeout of {self.timeout} s.", allowed="more than 0, or None.")
        if (self.certificate is None) != (self.key is None):
            raise UsageError("a client's certificate needs its key.", allowed="both of them, or neither.")
        least = {"retries": 0, "batch_size": 1, "batch_bytes": 1, "concurrency": 1}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise UsageError(f"{name}={getattr(self, name)}.", allowed=f"{smallest} or more.")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token):
            raise UsageError("the token cannot stand in a header.", allowed="printable ASCII.")

    def spec(self, address: Address, model: str | None) -> ModelSpec:
        """Returns which model is asked: what was said, and else what the URL says.

        Args:
            address: The server's.
            model: The model's name, if it was said.

        Raises:
            UsageError: Nobody said which, or both did and they differ.
        """
        name = model or address.model
        if not name:
            raise UsageError(
                f"no model is named for {address}.",
                allowed="the name of a model that it serves.",
                do=f"Say which: --model NAME, or Client('{address}', 'NAME').",
            )
        for what, said, found in (
            ("model", model, address.model),
            ("version", self.version, address.version),
            ("label", self.label, address.label),
        ):
            if said is not None and found is not None and said != found:
                raise UsageError(f"{what} '{said}', and the URL says '{found}'.", allowed="one of them.")
        version = self.version if self.version is not None else address.version
        label = self.label or address.label
        if version is not None and label:
            raise UsageError(f"version {version} and label '{label}'.", allowed="one of them.")
        return ModelSpec(name, version, label)

"""Where a server is, read from a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from tlzoo.errors import UsageError

_SCHEMES = {"http": 80, "https": 443, "grpc": 8500, "grpcs": 8500}
"""Default ports; 8500 is TensorFlow Serving's, HTTP's are those of all URLs."""

_MODEL = re.compile(
    r"(?P<prefix>.*?)/v1/models/(?P<model>[^/:]+)"
    r"(?:/versions/(?P<version>\d{1,19})|/labels/(?P<label>[^/:]+))?"
)


@dataclass(frozen=True)
class Address:
    """A server, and what its URL says of the model.

    Attributes:
        protocol: What is spoken there.
        secure: Whether through TLS.
        host: Name or number; IPv6 without brackets.
        port: Its port.
        prefix: What stands before `/v1/…` in the path, for servers behind a gateway.
        model: The model, if the URL names one.
        version: Likewise its version.
        label: Likewise its label.

    Example:
        >>> str(Address.parse("grpcs://models.example"))
        'grpcs://models.example:8500'
    """

    protocol: Literal["http", "grpc"]
    secure: bool
    host: str
    port: int
    prefix: str = ""
    model: str | None = None
    version: int | None = None
    label: str | None = None

    @classmethod
    def parse(cls, url: str) -> Address:
        """Reads a URL.

        Args:
            url: `http://HOST:PORT`, `https://…`, `grpc://…` or `grpcs://…`; `/v1/models/NAME` and a version or label
                may follow.

        Raises:
            UsageError: It is none of these.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _unusable(url, str(error)) from error
        _check(url, parts)
        path = parts.path.rstrip("/")
        found = _MODEL.fullmatch(path)
        protocol: Literal["http", "grpc"] = "grpc" if parts.scheme.startswith("grpc") else "http"
        if protocol == "grpc" and path and (found is None or found["prefix"]):
            raise _unusable(url, f"gRPC knows no path '{path}'")
        return cls(
            protocol=protocol,
            secure=parts.scheme.endswith("s"),
            host=parts.hostname or "",
            port=_SCHEMES[parts.scheme] if port is None else port,
            prefix=found["prefix"] if found else path,
            model=unquote(found["model"]) if found else None,
            version=int(found["version"]) if found and found["version"] else None,
            label=unquote(found["label"]) if found and found["label"] else None,
        )

    @property
    def authority(self) -> str:
        """Host and port, as URLs and gRPC write them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether it is this machine, to which no proxy of the environment knows the way."""
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")

    def __str__(self) -> str:
        return f"{self.protocol}{'s' if self.secure else ''}://{self.authority}{self.prefix}"


def _check(url: str, parts: SplitResult) -> None:
    if parts.scheme not in _SCHEMES:
        raise _unusable(url, f"'{parts.scheme}' is no scheme of a server" if parts.scheme else "no scheme")
    if not parts.hostname:
        raise _unusable(url, "no host")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"the URL of '{parts.hostname}' has a user or a password in it.",
            allowed="URLs without either.",
            do="Give a token: token=…",
        )
    if parts.query or parts.fragment:
        raise _unusable(url, "a '?' or '#'")


def _unusable(url: str, why: str) -> UsageError:
    return UsageError(
        f"'{url}' is not the URL of a server: {why}.",
        allowed="http://, https://, grpc:// or grpcs://, HOST:PORT, and perhaps /v1/models/NAME.",
        do="TensorFlow Serving listens at http://HOST:8501 and grpc://HOST:8500.",
    )

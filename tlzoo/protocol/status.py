"""How a request ends, and where a version of a model stands: TensorFlow's status codes, and as HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Code(IntEnum):
    """TensorFlow's status codes, which are gRPC's (tsl/protobuf/error_codes.proto)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.UNAUTHENTICATED: 401,
}
"""HTTP statuses by code (tensorflow_serving/model_servers/http_server.cc, ToHTTPStatusCode); 500 for all others."""


class ServingError(Exception):
    """A request, a load or a configuration that ends in a status other than OK.

    These speak TensorFlow Serving's words to programs; people who start the server get a `TlzooError`.

    Args:
        code: The status.
        message: Its text, as callers get it.

    Example:
        >>> ServingError(Code.NOT_FOUND, "Servable not found for request: Latest(m)").http
        404
    """

    def __init__(self, code: Code, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code.name}: {message}")

    @property
    def http(self) -> int:
        """The HTTP status (tensorflow_serving/model_servers/http_server.cc, ToHTTPStatusCode)."""
        return HTTP.get(self.code, 500)


def invalid(message: str) -> ServingError:
    """Returns the commonest of them: the caller's mistake."""
    return ServingError(Code.INVALID_ARGUMENT, message)


@dataclass(frozen=True)
class VersionStatus:
    """Where one version of a model stands.

    Attributes:
        version: Its number.
        state: `START`, `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
        code: OK, or why it ended.
        message: The text of `code`.
    """

    version: int
    state: str
    code: Code = Code.OK
    message: str = ""

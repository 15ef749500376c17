"""Which question a REST request asks, of which model: TensorFlow Serving's two path patterns and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import unquote_to_bytes

from tlzoo.protocol.signature import ModelSpec
from tlzoo.protocol.status import invalid

Kind = Literal["predict", "classify", "regress", "status", "metadata"]

_API = re.compile(r"/v1/.*", re.IGNORECASE)
_POST = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/([0-9]+)|/labels/([^/:]+))?:(classify|regress|predict)", re.IGNORECASE
)
_GET = re.compile(
    r"/v1/models(?:/([^/:]+))?(?:/versions/([0-9]+)|/labels/([^/:]+))?(?:/(metadata))?", re.IGNORECASE
)
_VERBS = ("predict", "classify", "regress")
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Route:
    """What a request asks for.

    Attributes:
        kind: The question; `status` for GET without `/metadata`.
        spec: The model, and the version or label in the path. The signature is named by the body.
    """

    kind: Kind
    spec: ModelSpec


def is_api(target: str) -> bool:
    """Returns whether a raw request target is the REST API's business; others get an HTML 404."""
    return _API.fullmatch(target) is not None


def route(method: str, target: str) -> Route:
    """Reads a request's method and target as http_rest_api_util.cc (ParseModelInfo) does.

    Args:
        method: The HTTP method, in capitals.
        target: Path, query and all, as they stand in the request line: not percent-decoded. Bytes that are not UTF-8
            are surrogate escapes.

    Raises:
        ServingError: INVALID_ARGUMENT `Malformed request: …`, `Failed to convert version: … to numeric.` or `Missing
            model name in request.`

    Example:
        >>> route("POST", "/v1/models/m/versions/3:predict").spec
        ModelSpec(name='m', version=3, label=None, signature='')
    """
    pattern = {"POST": _POST, "GET": _GET}.get(method)
    match = pattern.fullmatch(target) if pattern else None
    if match is None:
        raise invalid(f"Malformed request: {method} {target}")
    name, version, label, last = match.groups()
    spec = ModelSpec(
        name=_decoded(name or ""),
        version=None if version is None else _number(version),
        label=None if label is None else _decoded(label),
    )
    if method == "POST":
        # The pattern ignores case; the comparison behind it does not.
        if last not in _VERBS:
            raise invalid(f"Malformed request: {method} {target}")
        return Route(cast(Kind, last), spec)
    if not spec.name:
        raise invalid("Missing model name in request.")
    return Route("metadata" if last == "metadata" else "status", spec)


def _number(digits: str) -> int:
    # Python refuses to convert thousands of digits.
    if len(digits.lstrip("0")) > len(str(_INT64_MAX)) or int(digits) > _INT64_MAX:
        raise invalid(f"Failed to convert version: {digits} to numeric.")
    return int(digits)


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

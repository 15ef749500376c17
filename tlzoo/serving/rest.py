"""The one ASGI route: everything under `/v1/` is TensorFlow Serving's; a few paths beside it are for operators."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.api import Api
from tlzoo.serving.bodies import BodyTooLargeError, BodyTooSlowError, GoneError, Receive, inflated, read_body
from tlzoo.serving.json_writer import write_error
from tlzoo.serving.limits import Limits
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import ServerOptions
from tlzoo.serving.routes import is_api, route

Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger("tlzoo.serving")

BODY_SECONDS = 60.0
"""Time for a caller to send a body; slower ones only hold a connection."""

_SMALL_GZIP = 4096
"""Bytes that are inflated on the event loop: they become 4 MB at most."""

_JSON, _TEXT, _HTML = "application/json", "text/plain; charset=utf-8", "text/html; charset=utf-8"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
_NOT_FOUND = b"<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n"


@dataclass
class Exchange:
    """One request and what became of it; what the access log tells.

    Attributes:
        method: `GET`, `POST` …
        target: Path and query, as sent.
        headers: By lower-case name.
        client: Address of the caller.
        model: Name of the model, once it is known.
        api: `predict`, `classify`, `regress`; "" for all others.
        version: The version or label that was asked for.
        received: Bytes of the body.
        status: HTTP status of the reply.
        code: TensorFlow's status.
        body: Of the reply.
        reply_headers: Of the reply.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    client: str
    model: str = ""
    api: str = ""
    version: str = ""
    received: int = 0
    status: int = 200
    code: Code = Code.OK
    body: bytes = b""
    reply_headers: dict[str, str] = field(default_factory=dict)

    def reply(self, body: bytes, content_type: str = "", status: int = 200, code: Code = Code.OK) -> None:
        """Decides the reply."""
        self.body, self.status, self.code = body, status, code
        if content_type:
            self.reply_headers["Content-Type"] = content_type


@dataclass
class Operators:
    """What the paths beside `/v1/` show.

    Attributes:
        ready: Tells whether every model can be asked.
        page: Returns the index page, or None where there is none.
        metrics: What Prometheus reads.
        draining: True once the server is going: it answers still, but says it is not ready and closes connections.
    """

    ready: Callable[[], bool]
    page: Callable[[], bytes | None]
    metrics: Metrics
    draining: bool = False


class Rest:
    """The ASGI application.

    Args:
        api: Answers what is under `/v1/`.
        operators: Answers the rest.
        options: Sizes, CORS, paths.
        limits: Who may ask, and how many at a time.
        told: Called with every exchange and its seconds: the access log.
    """

    def __init__(
        self,
        api: Api,
        operators: Operators,
        options: ServerOptions,
        limits: Limits,
        told: Callable[[Exchange, float], None] | None = None,
    ) -> None:
        self._api, self._operators, self._options = api, operators, options
        self._limits, self._told = limits, told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"ASGI scope {scope['type']} is not served.")
        started, exchange = time.perf_counter(), _exchange(scope)
        try:
            await self._answer(exchange, receive)
        except GoneError:
            return
        except ServingError as error:
            exchange.reply(write_error(error.message), _JSON, error.http, error.code)
        except Exception:
            log.exception("%s %s failed", exchange.method, exchange.target)
            exchange.reply(write_error("Internal error."), _JSON, 500, Code.INTERNAL)
        seconds = time.perf_counter() - started
        if is_api(exchange.target):
            self._count(exchange, seconds)
        await self._send(exchange, send)
        if self._told is not None:
            self._told(exchange, seconds)

    async def _answer(self, exchange: Exchange, receive: Receive) -> None:
        path = exchange.target.partition("?")[0]
        if path in ("/healthz", "/readyz"):
            return self._health(exchange, path)
        self._limits.authenticate(exchange.headers.get("authorization"))
        if not is_api(exchange.target):
            return self._beside(exchange, path)
        if exchange.method == "OPTIONS":
            origin = exchange.headers.get("origin", "")
            known = "http://" in origin or "https://" in origin
            return exchange.reply(b"", status=200 if known else 400)
        with self._limits.admit():
            body = await self._body(exchange, receive)
            if body is not None:
                asked = route(exchange.method, exchange.target)
                exchange.model, exchange.version = (
                    asked.spec.name,
                    str(asked.spec.version or asked.spec.label or ""),
                )
                exchange.api = asked.kind if exchange.method == "POST" else ""
                exchange.reply(await self._api.answer(asked, body), _JSON)
        return None

    async def _body(self, exchange: Exchange, receive: Receive) -> bytes | None:
        """Returns the body, or None once a reply says why there is none."""
        if exchange.method in ("GET", "HEAD"):
            return b""
        most, length = self._options.additions.max_request_bytes, exchange.headers.get("content-length")
        try:
            body = await read_body(receive, length, most=most, seconds=BODY_SECONDS)
        except BodyTooLargeError:
            text = f"The request body is larger than {most} bytes; send less at a time."
            exchange.reply(write_error(text), _JSON, 413, Code.RESOURCE_EXHAUSTED)
            return None
        except BodyTooSlowError:
            text = f"The request body did not arrive within {BODY_SECONDS:g} seconds."
            exchange.reply(write_error(text), _JSON, 408, Code.DEADLINE_EXCEEDED)
            return None
        exchange.received = len(body)
        if "gzip" in exchange.headers.get("content-encoding", ""):
            most = self._options.additions.max_inflated_bytes
            return (
                await asyncio.to_thread(inflated, body, most)
                if len(body) > _SMALL_GZIP
                else inflated(body, most)
            )
        return body

    def _health(self, exchange: Exchange, path: str) -> None:
        if path == "/healthz":
            return exchange.reply(b"ok\n", _TEXT)
        if self._operators.draining:
            return exchange.reply(b"draining\n", _TEXT, 503, Code.UNAVAILABLE)
        if not self._operators.ready():
            return exchange.reply(b"a model has no available version\n", _TEXT, 503, Code.UNAVAILABLE)
        return exchange.reply(b"ready\n", _TEXT)

    def _beside(self, exchange: Exchange, path: str) -> None:
        metrics_path = self._options.metrics_path
        if metrics_path and path == metrics_path:
            if exchange.target != metrics_path:
                text = f"Unexpected path: {exchange.target}. Should be {metrics_path}"
                return exchange.reply(
                    text.encode("utf-8", "surrogateescape"), "text/plain", 400, Code.INVALID_ARGUMENT
                )
            return exchange.reply(self._operators.metrics.render().encode(), "text/plain")
        if path == "/" and exchange.method == "GET" and (page := self._operators.page()) is not None:
            exchange.reply_headers["Content-Security-Policy"] = _POLICY
            return exchange.reply(page, _HTML)
        return exchange.reply(_NOT_FOUND, "text/html", 404, Code.NOT_FOUND)

    def _count(self, exchange: Exchange, seconds: float) -> None:
        metrics = self._operators.metrics
        metrics.request(exchange.model, exchange.code)
        if exchange.code is Code.OK:
            metrics.request_latency(exchange.model, exchange.api, "REST", seconds * 1e6)

    async def _send(self, exchange: Exchange, send: Send) -> None:
        headers = {**exchange.reply_headers, "Content-Length": str(len(exchange.body))}
        if self._options.cors and is_api(exchange.target):
            headers |= _CORS
        if exchange.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if exchange.status == 429:
            headers["Retry-After"] = "1"
        if self._operators.draining or exchange.status in (408, 413):
            headers["Connection"] = "close"
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": exchange.status, "headers": raw})
        body = b"" if exchange.method == "HEAD" else exchange.body
        await send({"type": "http.response.body", "body": body})


def _exchange(scope: Scope) -> Exchange:
    # Names that are not UTF-8 travel as surrogate escapes, as they do in JSON.
    raw = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    target = raw.decode("utf-8", "surrogateescape")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client") or ("", 0)
    return Exchange(scope["method"], target, headers, str(client[0]))

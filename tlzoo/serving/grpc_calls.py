"""One call by gRPC: bytes to a message, an answer or an error in upstream's words, and what is told of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.access_log import Access, AccessLog
from tlzoo.serving.limits import Limits
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.request_log import RequestLog

log = logging.getLogger("tlzoo.serving")

LONGEST_MESSAGE = 1024
"""Bytes of an error's text that are sent (model_servers/grpc_status_util.cc)."""

HEALTH = "/grpc.health.v1.Health/"
"""Whoever watches over a server asks this without a token, and however busy it is."""


@dataclass(frozen=True)
class Method:
    """A method of a service.

    Attributes:
        service: Its full name, `tensorflow.serving.PredictionService`.
        name: `Predict`.
        request: The class of its requests.
        work: Returns the reply to a request within some seconds, None for any.
        log: The field of `PredictionLog` that keeps a request and its reply; "" for methods that compute nothing, which
            upstream does not count either.
    """

    service: str
    name: str
    request: type[Any]
    work: Callable[[Any, float | None], Awaitable[Any]]
    log: str = ""

    @property
    def path(self) -> str:
        """Its full name, as callers send it."""
        return f"/{self.service}/{self.name}"


@dataclass(frozen=True)
class Telling:
    """Whoever wants to know of calls.

    Attributes:
        metrics: Counts them.
        access_log: Gets a line for each.
        request_log: Gets some of those that succeeded.
    """

    metrics: Metrics
    access_log: AccessLog | None = None
    request_log: RequestLog | None = None


class _Call:
    """What is known of one call, more and more."""

    def __init__(self, path: str, received: int, context: Any) -> None:
        self.path, self.received, self.client = path, received, _address(context.peer())
        self.model = self.version = self.signature = ""
        self.code, self.message, self.sent = Code.OK, "", 0
        self._started = time.perf_counter()

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def learn(self, message: Any) -> None:
        """Takes over what a model_spec says, in a request or in a reply."""
        spec = _spec(message)
        if spec is None:
            return
        self.model, self.signature = spec.name, spec.signature_name or self.signature
        if spec.HasField("version"):
            self.version = str(spec.version.value)
        else:
            self.version = spec.version_label or self.version

    def fail(self, code: Code, message: str) -> None:
        self.code, self.message = code, message

    def access(self) -> Access:
        return Access(
            "GRPC",
            self.name,
            self.path,
            self.model,
            self.version,
            self.signature,
            self.code,
            received=self.received,
            sent=self.sent,
            seconds=self.seconds(),
            client=self.client,
        )


class Calls:
    """Makes what a gRPC server calls.

    Args:
        limits: Who may call, and how many at a time.
        telling: Who is told.
        methods: What is served.
    """

    def __init__(self, limits: Limits, telling: Telling, methods: Sequence[Method]) -> None:
        self._limits, self._telling = limits, telling
        self._methods = {method.path: method for method in methods}

    def handlers(self) -> list[Any]:
        """Returns a `grpc.GenericRpcHandler` for each service."""
        import grpc

        services: dict[str, dict[str, Any]] = {}
        for method in self._methods.values():
            handler = grpc.unary_unary_rpc_method_handler(self._handler(method))
            services.setdefault(method.service, {})[method.name] = handler
        return [grpc.method_handlers_generic_handler(name, found) for name, found in services.items()]

    def doorkeeper(self) -> Any:
        """Returns a `grpc.aio.ServerInterceptor` that refuses calls before their messages are received."""
        import grpc

        calls = self

        class Doorkeeper(grpc.aio.ServerInterceptor):  # type: ignore[misc]
            async def intercept_service(self, continuation: Any, details: Any) -> Any:
                try:
                    calls._let_in(details)
                except ServingError as error:
                    # Of a stream nothing is read until somebody asks for it: not even two gigabytes of a stranger.
                    return grpc.stream_unary_rpc_method_handler(calls._refusal(details.method, error))
                return await continuation(details)

        return Doorkeeper()

    def _let_in(self, details: Any) -> None:
        if details.method.startswith(HEALTH):
            return
        self._limits.authenticate(authorization(details.invocation_metadata))
        if details.method in self._methods:
            with self._limits.admit():
                pass

    def _refusal(self, path: str, error: ServingError) -> Callable[[Any, Any], Awaitable[None]]:
        async def refuse(messages: Any, context: Any) -> None:
            call = _Call(path, 0, context)
            call.fail(error.code, error.message)
            self._tell(call)
            await context.abort(grpc_code(error.code), cut(error.message))

        return refuse

    def _handler(self, method: Method) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def handle(data: bytes, context: Any) -> bytes:
            call, reply = _Call(method.path, len(data), context), b""
            try:
                with self._limits.admit():
                    reply = await self._answer(method, call, data, context.time_remaining())
            except ServingError as error:
                call.fail(error.code, error.message)
            except asyncio.CancelledError:
                call.fail(Code.CANCELLED, "")
                raise
            except Exception:
                log.exception("%s failed", method.path)
                call.fail(Code.INTERNAL, "Internal error.")
            finally:
                self._tell(call)
            if call.code is not Code.OK:
                await context.abort(grpc_code(call.code), cut(call.message))
            return reply

        return handle

    async def _answer(self, method: Method, call: _Call, data: bytes, timeout: float | None) -> bytes:
        from google.protobuf.message import DecodeError

        try:
            request = method.request.FromString(data)
        except DecodeError as error:
            text = f"The bytes are no {method.request.DESCRIPTOR.full_name}."
            raise ServingError(Code.INTERNAL, text) from error
        call.learn(request)
        response = await method.work(request, timeout)
        call.learn(response)
        reply: bytes = response.SerializeToString()
        call.sent = len(reply)
        if method.log and self._telling.request_log is not None:
            self._telling.request_log.offer(method.log, request, response)
        return reply

    def _tell(self, call: _Call) -> None:
        metrics, access_log = self._telling.metrics, self._telling.access_log
        method = self._methods.get(call.path)
        if method is not None and method.log:
            metrics.request(call.model, call.code)
            if call.code is Code.OK:
                metrics.request_latency(call.model, method.name, "GRPC", call.seconds() * 1e6)
        if access_log is not None:
            access_log.write(call.access())


def authorization(metadata: Any) -> str | None:
    """Returns the `authorization` among a call's metadata, or None."""
    for key, value in metadata or ():
        if key == "authorization":
            return value if isinstance(value, str) else value.decode("latin-1")
    return None


def grpc_code(code: Code) -> Any:
    """Returns gRPC's code of the same number."""
    import grpc

    return next(one for one in grpc.StatusCode if one.value[0] == code)


def cut(message: str) -> str:
    """Returns an error's text as it is sent.

    Example:
        >>> len(cut("x" * 2000))
        1036
    """
    raw = message.encode("utf-8", "replace")
    if len(raw) <= LONGEST_MESSAGE:
        return raw.decode()
    return raw[:LONGEST_MESSAGE].decode("utf-8", "ignore") + "...TRUNCATED"


def _spec(message: Any) -> Any:
    """Returns a message's model_spec, of several the first; None if it has none."""
    fields = message.DESCRIPTOR.fields_by_name
    for repeated in ("tasks", "results"):
        if repeated in fields:
            some = getattr(message, repeated)
            return some[0].model_spec if some else None
    return message.model_spec if "model_spec" in fields else None


def _address(peer: str) -> str:
    """Returns the address of `ipv4:127.0.0.1:33448` or `ipv6:%5B::1%5D:33448`."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    return rest.rpartition(":")[0].removeprefix("%5B").removesuffix("%5D").strip("[]")

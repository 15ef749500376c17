"""TensorFlow Serving's REST API by httpx2."""

from __future__ import annotations

import asyncio
import email.utils
import os
import ssl
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import httpx2

from tlzoo.client import failures
from tlzoo.client.address import Address
from tlzoo.client.metadata import Metadata, metadata_from_json, statuses_from_json
from tlzoo.client.options import Settings
from tlzoo.client.rest_reply import excerpt, read
from tlzoo.client.transport import Scored, nbytes, off_loop
from tlzoo.errors import ReplyError, ServerError, UsageError
from tlzoo.protocol.signature import Arrays, ModelSpec, Signature
from tlzoo.protocol.status import VersionStatus

if TYPE_CHECKING:
    import numpy as np

    from tlzoo.client.examples import Features

T = TypeVar("T")

_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Codes by HTTP status: TensorFlow Serving's, and those of gateways in front of it."""

_TOO_LARGE = 413


class RestTransport:
    """Implements `Transport`.

    Args:
        address: Of the server.
        settings: Token and certificates.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        self._address, self._settings = address, settings
        self._verify = tls_context(settings) if address.secure else False
        self._http: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def metadata(self, spec: ModelSpec, left: float | None) -> Metadata:
        """Asks `GET /v1/models/M/metadata`."""
        where, document = await self._ask("GET", f"{path_of(spec)}/metadata")
        return _checked(where, metadata_from_json, document)

    async def status(self, spec: ModelSpec, left: float | None) -> list[VersionStatus]:
        """Asks `GET /v1/models/M`."""
        where, document = await self._ask("GET", path_of(spec))
        return _checked(where, statuses_from_json, document)

    async def predict(
        self, spec: ModelSpec, signature: Signature, inputs: Arrays, left: float | None
    ) -> dict[str, np.ndarray]:
        """Asks `POST …:predict`."""
        from tlzoo.client import rest_json

        body = await off_loop(nbytes(inputs), rest_json.predict_body, signature, inputs)
        where, reply = await self._send("POST", f"{path_of(spec)}:predict", body)

        def outputs() -> dict[str, np.ndarray]:
            return rest_json.outputs(where, read(where, reply), signature)

        return await off_loop(len(reply), outputs)

    async def classify(
        self, spec: ModelSpec, examples: Sequence[Features], context: Features | None, left: float | None
    ) -> list[list[Scored]]:
        """Asks `POST …:classify`."""

        def rows(results: Any) -> list[list[Scored]]:
            return [[Scored(str(label), _float32(score)) for label, score in one] for one in results]

        return await self._results("classify", spec, examples, context, rows)

    async def regress(
        self, spec: ModelSpec, examples: Sequence[Features], context: Features | None, left: float | None
    ) -> list[float]:
        """Asks `POST …:regress`."""
        return await self._results(
            "regress", spec, examples, context, lambda results: [_float32(one) for one in results]
        )

    async def close(self) -> None:
        """Closes the connections."""
        http, self._http = self._http, None
        if http is not None and self._loop is asyncio.get_running_loop():
            await http.aclose()

    async def _results(
        self,
        verb: str,
        spec: ModelSpec,
        examples: Sequence[Features],
        context: Features | None,
        rows: Callable[[Any], T],
    ) -> T:
        from tlzoo.client.rest_json import examples_body

        body = examples_body(spec.signature, examples, context)
        where, document = await self._ask("POST", f"{path_of(spec)}:{verb}", body)
        return _checked(where, lambda found: rows(found["results"]), document)

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[str, Any]:
        where, reply = await self._send(method, path, body)
        return where, read(where, reply)

    async def _send(self, method: str, path: str, body: bytes | None = None) -> tuple[str, bytes]:
        """Returns what errors call the question, and the body of a successful reply."""
        where = f"{self._address}{path}"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        url = f"http{'s' if self._address.secure else ''}://{self._address.authority}{self._address.prefix}{path}"
        try:
            reply = await self._client().request(method, url, content=body, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:  # of TLS, some errors come bare
            raise _broken(str(self._address), where, error) from error
        if reply.status_code == httpx2.codes.OK:
            return where, reply.content
        raise _refusal(where, reply)

    def _client(self) -> httpx2.AsyncClient:
        """Returns the client of the loop that runs now: connections cannot change their loop."""
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            headers = {"Accept": "application/json", "User-Agent": "tlzoo-client"}
            if self._settings.token is not None:
                headers["Authorization"] = f"Bearer {self._settings.token}"
            # Time is limited as a whole, around every attempt.
            self._http = httpx2.AsyncClient(
                verify=self._verify, headers=headers, timeout=None, trust_env=not self._address.loopback
            )
            self._loop = loop
        return self._http


def path_of(spec: ModelSpec) -> str:
    """Returns where a model, or one version of it, stands in URLs."""
    path = f"/v1/models/{quote(spec.name, safe='')}"
    if spec.version is not None:
        return f"{path}/versions/{spec.version}"
    return path if spec.label is None else f"{path}/labels/{quote(spec.label, safe='')}"


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Returns whom to trust, and who we are.

    Raises:
        UsageError: A certificate cannot be read.
    """
    try:
        if settings.root_certificates is None:
            context = httpx2.create_ssl_context()
        else:
            context = ssl.create_default_context(cafile=str(settings.root_certificates))
        if settings.certificate is not None and settings.key is not None:
            context.load_cert_chain(str(settings.certificate), str(settings.key))
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"certificates that cannot be read: {error}.", allowed="PEM files.", do="Check the paths."
        ) from error
    return context


def _checked(where: str, reader: Callable[[Any], T], document: Any) -> T:
    try:
        return reader(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise failures.foreign(where, f"JSON of another form ({type(error).__name__}: {error})") from error


def _float32(number: Any) -> float:
    """Returns the float32 that a reply means: gRPC gives the same bits."""
    import numpy as np

    return float(np.float32(number))


def _broken(server: str, where: str, error: Exception) -> ServerError:
    """Says why there is no reply."""
    why = _reason(error)
    if "[SSL" in why:
        untrusted = "CERTIFICATE_VERIFY_FAILED" in why
        do = (
            "Say whom to trust: root_certificates=FILE."
            if untrusted
            else "Check who speaks TLS there, and how."
        )
        # Two sides that do not agree on TLS will not do so a moment later.
        return failures.no_answer(server, why, retry="EOF" in why, do=do)
    if isinstance(error, httpx2.ConnectError | httpx2.ProxyError):
        return failures.no_answer(server, why)
    # What is no HTTP at all will be none the next time either.
    lost = not isinstance(error, httpx2.RemoteProtocolError) or "without" in why or "disconnected" in why
    if lost and isinstance(error, httpx2.TransportError | OSError):
        return failures.no_answer(server, f"the connection broke ({why})")
    return failures.foreign(where, f"what is no HTTP ({why})")


def _reason(error: BaseException) -> str:
    """Returns the operating system's words, where an error comes from there: they say most."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ConnectionError) and found.errno:
            return os.strerror(found.errno)  # asyncio writes words of its own
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        found = found.__cause__ or found.__context__
    return str(error) or type(error).__name__


def _refusal(where: str, reply: httpx2.Response) -> ServerError:
    code = _CODES.get(reply.status_code, "INVALID_ARGUMENT" if reply.is_client_error else "UNKNOWN")
    after = _seconds(reply.headers.get("Retry-After"))
    try:
        message = read(where, reply.content)["error"]
        if not isinstance(message, str):
            raise KeyError("error")
    except (ReplyError, KeyError):
        kind = reply.headers.get("Content-Type", "no type").partition(";")[0]
        what = f"{reply.status_code} {reply.reason_phrase} with {kind}: {excerpt(reply.content)}"
        if reply.is_redirect:
            what = f"{reply.status_code}, and wants to be asked at {reply.headers.get('Location')!r}"
        found = failures.foreign(where, what, code=code, retry_after=after)
        found.retry = found.retry and reply.status_code != _TOO_LARGE
        return found
    retry = False if reply.status_code == _TOO_LARGE else None
    return failures.refused(where, code, message, retry=retry, retry_after=after)


def _seconds(header: str | None) -> float | None:
    """Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3)."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None

"""One line of JSON for each request, for people and for whatever collects logs."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo.errors import UsageError
from tlzoo.protocol.status import Code
from tlzoo.serving.background import Background

if TYPE_CHECKING:
    from tlzoo.serving.rest import Exchange

log = logging.getLogger("tlzoo.serving")

_LONGEST = 500
"""Characters of a text that a caller chose; more is cut off."""


@dataclass(frozen=True)
class Access:
    """One request that has been answered.

    Attributes:
        protocol: `REST` or `GRPC`.
        method: `GET`, `POST` …; `Predict` ….
        path: Path and query, or gRPC's full method name.
        model: As the caller named it; "" where it is not known.
        version: The number that answered, else what was asked for: a number or a label.
        signature: The key; "" where none was named.
        code: How it ended.
        status: HTTP status; 0 for gRPC.
        received: Bytes of the request's body.
        sent: Bytes of the reply's body.
        seconds: From the request's arrival to the reply.
        client: Address of the caller.
    """

    protocol: str
    method: str
    path: str
    model: str = ""
    version: str = ""
    signature: str = ""
    code: Code = Code.OK
    status: int = 0
    received: int = 0
    sent: int = 0
    seconds: float = 0.0
    client: str = ""

    def line(self, now: datetime) -> bytes:
        """Returns the line of JSON; strings are cut to 500 characters, and what is not ASCII is escaped."""
        entry = {
            "time": now.isoformat(timespec="milliseconds"),
            "protocol": self.protocol,
            "method": self.method,
            "path": self.path,
            "model": self.model,
            "version": self.version,
            "signature": self.signature,
            "code": self.code.name,
            "status": self.status,
            "received": self.received,
            "sent": self.sent,
            "milliseconds": round(self.seconds * 1e3, 3),
            "client": self.client,
        }
        cut = {key: one[:_LONGEST] if isinstance(one, str) else one for key, one in entry.items()}
        if not self.status:
            del cut["status"]
        return json.dumps(cut).encode() + b"\n"


class AccessLog:
    """A file, or standard error, that lines are written to by a thread of its own: no request waits for a disk.

    A file that was moved away or removed (logrotate) is opened anew. While a disk is full, lines are lost; the next one
    that is written says how many (`{"time": …, "lost": 12}`).

    Args:
        target: Path of the file, which only its owner may read; `-` for standard error.

    Raises:
        UsageError: The file cannot be opened.

    Example:
        >>> access_log = AccessLog("access.jsonl")  # doctest: +SKIP
        >>> access_log.write(Access("REST", "POST", "/v1/models/m:predict", "m"))  # doctest: +SKIP
        >>> access_log.close()  # doctest: +SKIP
    """

    def __init__(self, target: str) -> None:
        self._path = None if target == "-" else Path(target)
        self._file = sys.stderr.fileno() if self._path is None else _opened_or_refused(self._path)
        self._failing = False
        self._lines: Background[bytes] = Background(self._append, "tlzoo-access-log")

    def write(self, access: Access) -> None:
        """Writes a line, some time later."""
        self._lines.put(access.line(datetime.now(UTC)))

    def tell(self, exchange: Exchange, seconds: float) -> None:
        """Writes the line of a request by REST.

        Args:
            exchange: The request and its reply.
            seconds: What it took.
        """
        self.write(
            Access(
                "REST",
                exchange.method,
                exchange.target,
                exchange.model,
                exchange.version,
                code=exchange.code,
                status=exchange.status,
                received=exchange.received,
                sent=len(exchange.body),
                seconds=seconds,
                client=exchange.client,
            )
        )

    def close(self) -> None:
        """Writes what is left, and closes the file."""
        self._lines.close()
        if self._path is not None and self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, lines: list[bytes]) -> None:
        lost = self._lines.dropped()
        notice = [_notice(lost)] if lost else []
        try:
            self._reopen()
            _write_all(self._file, b"".join(notice + lines))
            self._failing = False
        except OSError as error:
            self._lines.drop(lost + len(lines))
            if not self._failing:
                log.error("The access log %s cannot be written: %s", self._path or "-", error.strerror)
            self._failing = True

    def _reopen(self) -> None:
        """Opens the file anew, if another one, or none, has its name now."""
        if self._path is None:
            return
        try:
            named, held = self._path.stat(), os.fstat(self._file)
            if (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino):
                return
        except FileNotFoundError:
            pass  # it was moved away or removed: a new one is made
        opened = _opened(self._path)
        os.close(self._file)
        self._file = opened


def _notice(lost: int) -> bytes:
    return (
        json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "lost": lost}).encode()
        + b"\n"
    )


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _opened_or_refused(path: Path) -> int:
    try:
        return _opened(path)
    except OSError as error:
        raise UsageError(
            f"The access log {path} cannot be opened: {error.strerror}.",
            allowed="a file in a folder that exists and may be written to, or - for standard error.",
            do="Name another file with --access-log, or make its folder.",
        ) from error

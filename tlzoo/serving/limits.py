"""Who may ask, and how many at a time. Off unless asked for; TensorFlow Serving has neither."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tlzoo.errors import UsageError
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.options import Additions


class Limits:
    """The doorkeeper that REST and gRPC share.

    Args:
        additions: `token_file` and `max_concurrent_requests`.

    Raises:
        UsageError: The token file cannot be read, or holds no token.
    """

    def __init__(self, additions: Additions) -> None:
        self._file, self._most = additions.token_file, additions.max_concurrent_requests
        self._running = 0
        self._tokens: tuple[bytes, ...] = ()
        self._changed = 0
        if self._file is not None:
            self._tokens = _tokens(self._file)
            self._changed = self._file.stat().st_mtime_ns

    @property
    def running(self) -> int:
        """Requests that are inside now."""
        return self._running

    def authenticate(self, authorization: str | None) -> None:
        """Refuses callers without a token, if tokens are asked for.

        Args:
            authorization: The header `Authorization`, or gRPC's metadata of that name.

        Raises:
            ServingError: UNAUTHENTICATED.
        """
        if self._file is None:
            return
        self._read_again(self._file)
        kind, _, token = (authorization or "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        # Every token is compared, so that the time taken tells nothing.
        known = [hmac.compare_digest(given, one) for one in self._tokens]
        if kind.lower() != "bearer" or not any(known):
            raise ServingError(
                Code.UNAUTHENTICATED, "A token is needed: send the header 'Authorization: Bearer TOKEN'."
            )

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Counts a request while the block runs.

        Raises:
            ServingError: RESOURCE_EXHAUSTED, if there are as many as may be.
        """
        if self._most and self._running >= self._most:
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                f"{self._most} requests are running, which is the limit; try again later.",
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    def _read_again(self, file: Path) -> None:
        """Takes over a changed token file; one that has gone, or is empty, changes nothing."""
        try:
            changed = file.stat().st_mtime_ns
            if changed != self._changed:
                self._tokens, self._changed = _tokens(file), changed
        except (OSError, UsageError):
            return


def _tokens(file: Path) -> tuple[bytes, ...]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(
            f"The token file {file} cannot be read: {error.strerror}.",
            allowed="a file with one token a line.",
            do=f"Write one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > {file}",
        ) from error
    tokens = tuple(line.strip() for line in lines if line.strip() and not line.startswith(b"#"))
    if not tokens:
        raise UsageError(
            f"The token file {file} holds no token.",
            allowed="one token a line; empty lines and lines that begin with # are ignored.",
            do="Add a token, or leave out --token-file to let everybody in.",
        )
    return tokens

"""Asks a running server, over REST, whether it has done what the files tell it to do."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from tlzoo.errors import BundleError, UsageError

_PAUSE = 0.25
_ANSWER_SECONDS = 10.0
_LARGEST = 16 * 1024**2
_SHOWN = 200


@dataclass(frozen=True)
class Server:
    """A server that is asked; it answers TensorFlow Serving's REST API.

    Attributes:
        url: Its root, `http://localhost:8501`.
        seconds: How long to wait for it.
    """

    url: str
    seconds: float = 300.0

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise UsageError(
                f"'{self.url}' is no address of a server.",
                allowed="http://HOST:PORT or https://HOST:PORT, of its REST API.",
                do="Give something like --server http://localhost:8501.",
            )

    def wait_for_version(self, name: str, version: int) -> None:
        """Returns when a version is AVAILABLE.

        Args:
            name: The model.
            version: Its version.

        Raises:
            BundleError: The server could not load it, or took too long.
        """
        path = f"/v1/models/{quote(name, safe='')}/versions/{version}"

        def look() -> str:
            status = (self._ask(path).get("model_version_status") or [{}])[0]
            told = status.get("status", {})
            if status.get("state") == "END" and told.get("error_code", "OK") != "OK":
                reason = told.get("error_message")
                raise _failed(f"The server could not load version {version} of '{name}': {reason}.")
            return "" if status.get("state") == "AVAILABLE" else f"it is {status.get('state')}"

        self._wait(look, f"version {version} of '{name}' to be AVAILABLE")

    def wait_for_label(self, name: str, label: str, version: int) -> None:
        """Returns when requests for a label go to a version.

        Only metadata tells: the status of a model ignores labels.

        Raises:
            BundleError: The server took too long.
        """
        path = f"/v1/models/{quote(name, safe='')}/labels/{quote(label, safe='')}/metadata"

        def look() -> str:
            found = str(self._ask(path).get("model_spec", {}).get("version"))
            return "" if found == str(version) else f"it goes to {found}"

        self._wait(look, f"the label '{label}' of '{name}' to go to version {version}")

    def _wait(self, look: Callable[[], str], what: str) -> None:
        """Looks again and again until there is nothing to say."""
        end = time.monotonic() + self.seconds
        while reason := _reason(look):
            if time.monotonic() > end:
                raise _failed(f"Waited {self.seconds:g} seconds at {self.url} for {what}: {reason}.")
            time.sleep(_PAUSE)

    def _ask(self, path: str) -> dict[str, Any]:
        """Returns the answer; raises `_NoAnswerError` while there is none, since servers start and restart."""
        try:
            # The scheme was looked at: no file is ever opened.
            with urllib.request.urlopen(self.url.rstrip("/") + path, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
                found = json.loads(answer.read(_LARGEST))
        except urllib.error.HTTPError as error:
            with error:
                text = error.read(_LARGEST).decode(errors="replace").strip()
            raise _NoAnswerError(f"it answers {error.code} {text[:_SHOWN]}") from error
        except (OSError, ValueError, HTTPException) as error:
            raise _NoAnswerError(f"it does not answer ({error})") from error
        return dict(found)


class _NoAnswerError(Exception):
    """There is no answer for now."""


def _reason(look: Callable[[], str]) -> str:
    try:
        return look()
    except _NoAnswerError as reason:
        return str(reason)
    except (AttributeError, LookupError, TypeError):
        return "it does not answer as TensorFlow Serving does"


def _failed(what: str) -> BundleError:
    return BundleError(
        what,
        allowed="a server that loads the version and, for labels, reads its models.config again.",
        do="Look at the server's log. `tlzoo rollback` takes the version out again; more --wait-seconds wait longer.",
    )

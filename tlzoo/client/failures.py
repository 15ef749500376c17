"""What went wrong between a client and a server, as errors for people, alike for both protocols."""

from __future__ import annotations

from tlzoo.errors import NoAnswerError, RefusedError, ReplyError, ServerError

RETRIED = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED"})
"""Codes of a server that may answer a moment later: it is starting, stopping, or has too much to do."""

OF_ITEMS = frozenset({"INVALID_ARGUMENT", "OUT_OF_RANGE", "FAILED_PRECONDITION"})
"""Codes of a model that cannot read what it was given; TensorFlow Serving makes all three HTTP's 400."""

_FACTS = {
    "NOT_FOUND": (
        "models and versions that are loaded.",
        "See what is: python -m tlzoo.client URL status --model NAME.",
    ),
    "UNAUTHENTICATED": ("callers with a token that the server knows.", "Give it: token=…, or --token-file."),
    "PERMISSION_DENIED": ("callers that the server lets in.", "Ask who runs it."),
    "RESOURCE_EXHAUSTED": (
        "as much as the server's limits let in.",
        "Ask for less at a time: a smaller batch_size, batch_bytes or concurrency.",
    ),
    "UNAVAILABLE": ("a server that is ready.", "Try again later, or wait: wait_until_ready()."),
    "UNIMPLEMENTED": ("what the server and its protocol can do.", "Ask by gRPC, or in other data types."),
}
_OTHERS = (
    "requests that fit the signature.",
    "See what it takes: python -m tlzoo.client URL metadata --model NAME.",
)
_BROKEN = ("a model that answers.", "Look into the server's log.")


def refused(
    where: str, code: str, message: str, *, retry: bool | None = None, retry_after: float | None = None
) -> ServerError:
    """Returns the error for a status other than OK.

    Args:
        where: The server, and what was asked of it.
        code: Name of the status.
        message: The server's words.
        retry: Whether the same may succeed a moment later; by default the code says so.
        retry_after: Seconds that the server asks to be left alone for.
    """
    if code == "DEADLINE_EXCEEDED":
        return NoAnswerError(
            f"{where} did not answer in time: {message}",
            allowed="answers within the time limits of client and server.",
            do="Ask for less at a time, or allow more: timeout=…, and the server's own limit.",
            code=code,
            message=message,
        )
    broken = code in ("INTERNAL", "UNKNOWN", "DATA_LOSS")
    allowed, do = _FACTS.get(code, _BROKEN if broken else _OTHERS)
    return RefusedError(
        f"{where} refused ({code}): {message}",
        allowed=allowed,
        do=do,
        code=code,
        message=message,
        retry=code in RETRIED if retry is None else retry,
        retry_after=retry_after,
    )


def no_answer(where: str, why: str, *, retry: bool = True, do: str = "") -> NoAnswerError:
    """Returns the error for a connection that fails before there is an answer.

    Args:
        where: The server.
        why: What the operating system or the protocol says.
        retry: Whether it may work a moment later.
        do: The next step, where it is known.
    """
    return NoAnswerError(
        f"nothing answered at {where}: {why.rstrip('.')}.",
        allowed="a server that listens there.",
        do=do or "Check host and port, and that the server runs.",
        code="UNAVAILABLE",
        message=why,
        retry=retry,
    )


def too_late(where: str, timeout: float, last: ServerError | None) -> NoAnswerError:
    """Returns the error for a limit of time that has passed.

    Args:
        where: The server, and what was asked of it.
        timeout: The limit in seconds.
        last: What the last attempt came to, if there was one.
    """
    return NoAnswerError(
        f"{where} did not answer within {timeout:g} s" + (f"; before that: {last.what}" if last else "."),
        allowed="answers within `timeout`, attempts and waits included.",
        do="Ask for less at a time, or allow more: timeout=….",
        code="DEADLINE_EXCEEDED",
        message=last.message if last else "",
    )


def foreign(where: str, what: str, *, code: str = "UNKNOWN", retry_after: float | None = None) -> ReplyError:
    """Returns the error for a reply that is not a model server's.

    Args:
        where: The server, and what was asked of it.
        what: What the reply is.
        code: What its status stands for, so that a gateway's `503` is tried again.
        retry_after: Seconds that it asks to be left alone for.
    """
    return ReplyError(
        f"{where} answered {what}",
        allowed="replies of TensorFlow Serving's interface.",
        do="Check what stands at that address: a gateway, another service, or the port of the other protocol.",
        code=code,
        message=what,
        retry=code in RETRIED,
        retry_after=retry_after,
    )

"""What can go wrong, as one small tree.

TlzooError
├── UsageError            what was asked for cannot be understood            exit code 2
│   ├── UnknownNameError  no card, recipe, option, stage … of that name
│   ├── LocatorError      a weights locator that does not parse
│   └── CardError         a card that does not hold together
├── DataError             the user's data cannot be learned from             exit code 3
├── SourceError           weights or data sets that cannot be fetched        exit code 4
│   ├── UnreachableError  nothing answered, or nothing is there
│   └── ChecksumError     something answered, but it is not what was pinned
├── WeightsError          weights that do not fit the architecture exactly   exit code 5
├── RunError              a run folder that cannot be used or resumed        exit code 6
├── BundleError           a bundle that cannot be written, read or trusted   exit code 7
│   └── ParityError       an export that does not answer as the model does
└── ServerError           a server that does not answer, or refuses          exit code 8
    ├── NoAnswerError     nothing answered, or not in time
    ├── RefusedError      it answered with an error
    └── ReplyError        it answered what no model server says

Every error states three facts: what came in, what is allowed, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TlzooError(Exception):
    """Base of every error tlzoo raises on purpose.

    Args:
        what: What came in, with the offending value and where it stands.
        allowed: What would have been accepted.
        do: The next step for the user.

    Example:
        >>> str(DataError("folder 'photos' has 1 class.", allowed="2 or more.", do="Add a folder."))
        "folder 'photos' has 1 class. Allowed: 2 or more. What to do: Add a folder."
    """

    exit_code = 1

    def __init__(self, what: str, *, allowed: str = "", do: str = "") -> None:
        self.what = what
        self.allowed = allowed
        self.do = do
        parts = [what]
        if allowed:
            parts.append(f"Allowed: {allowed}")
        if do:
            parts.append(f"What to do: {do}")
        super().__init__(" ".join(parts))


class UsageError(TlzooError):
    """What was asked for cannot be understood."""

    exit_code = 2


class UnknownNameError(UsageError):
    """No card, recipe, option or stage has that name.

    Build it with `unknown_name` so that every such error suggests what was probably meant.
    """


class LocatorError(UsageError):
    """A weights locator does not parse."""


class CardError(UsageError):
    """A card does not hold together."""


class DataError(TlzooError):
    """The user's data cannot be learned from."""

    exit_code = 3


class SourceError(TlzooError):
    """Weights or a data set cannot be fetched."""

    exit_code = 4


class UnreachableError(SourceError):
    """Nothing answered at the source, or nothing is there."""


class ChecksumError(SourceError):
    """The source answered, but with other bytes than the pinned ones."""


class WeightsError(TlzooError):
    """Weights do not fit the architecture exactly."""

    exit_code = 5


class RunError(TlzooError):
    """A run folder cannot be used or resumed."""

    exit_code = 6


class BundleError(TlzooError):
    """A bundle cannot be written, read or trusted."""

    exit_code = 7


class ParityError(BundleError):
    """An export does not answer as the model in memory does."""


class ServerError(TlzooError):
    """A server did not answer, or refused.

    Args:
        what: As for all errors.
        allowed: Likewise.
        do: Likewise.
        code: The name of the status: `NOT_FOUND`, `UNAVAILABLE` …, as gRPC and TensorFlow call them.
        message: The server's own words, if it said any.
        retry: Whether the same request may succeed a moment later.
        retry_after: Seconds that the server asks to be left alone for; None if it does not.
    """

    exit_code = 8

    def __init__(
        self,
        what: str,
        *,
        allowed: str = "",
        do: str = "",
        code: str = "UNKNOWN",
        message: str = "",
        retry: bool = False,
        retry_after: float | None = None,
    ) -> None:
        self.code, self.message, self.retry, self.retry_after = code, message, retry, retry_after
        super().__init__(what, allowed=allowed, do=do)


class NoAnswerError(ServerError):
    """Nothing answered at the server's address, or not in time."""


class RefusedError(ServerError):
    """The server answered with an error."""


class ReplyError(ServerError):
    """Something answered, but not as a model server does: a proxy, another service, half a reply."""


def unknown_name(kind: str, name: str, known: Iterable[str], *, do: str = "") -> UnknownNameError:
    """Returns the error for a name nobody knows, with the closest known names.

    Args:
        kind: What was looked for, in the singular ("backbone", "option", "stage").
        name: The name that came in.
        known: The names that exist.
        do: The next step; by default, to pick one of the suggestions.

    Example:
        >>> unknown_name("recipe", "fine_tun", ["fine_tune", "scratch"]).do
        "Did you mean 'fine_tune'?"
    """
    names = sorted(known)
    close = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    shown = ", ".join(names[:20]) + (f", … ({len(names)} in all)" if len(names) > 20 else "")
    if close:
        guess = " or ".join(f"'{c}'" for c in close)
        do = f"Did you mean {guess}?" + (f" {do}" if do else "")
    do = do or "Pick one of these."
    return UnknownNameError(f"There is no {kind} '{name}'.", allowed=shown or "none exist.", do=do)

"""Trying again: how often, how long to wait in between, and when to stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tlzoo.client.failures import too_late
from tlzoo.errors import ServerError

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds; each wait is twice the one before."""


class Deadline:
    """A moment until which an answer is worth having.

    Args:
        timeout: Seconds from now; None for never.
    """

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.at = None if timeout is None else asyncio.get_running_loop().time() + timeout

    @property
    def left(self) -> float | None:
        """Seconds that are left, 0 at least; None for any number."""
        return None if self.at is None else max(0.0, self.at - asyncio.get_running_loop().time())

    def allows(self, wait: float) -> bool:
        """Tells if there is time left after `wait` seconds."""
        return self.left is None or wait < self.left


async def persist(
    ask: Callable[[float | None], Awaitable[T]], deadline: Deadline, retries: int, where: str
) -> T:
    """Asks until there is an answer, or none is to be expected.

    Args:
        ask: Takes the seconds that are left; raises `ServerError`, which says whether it is worth another attempt.
        deadline: When to give up, whatever is going on.
        retries: Further attempts at most.
        where: What errors call the question.

    Returns:
        The answer.

    Raises:
        ServerError: The last attempt's; or `NoAnswerError`, if the time is over.
    """
    last: ServerError | None = None
    attempts = 0
    while True:
        try:
            async with asyncio.timeout_at(deadline.at):
                return await ask(deadline.left)
        except TimeoutError:
            raise too_late(where, deadline.timeout or 0.0, last) from last
        except ServerError as error:
            attempts += 1
            pause = wait(attempts, error.retry_after)
            if not error.retry or attempts > retries or not deadline.allows(pause):
                raise
            last = error
        await asyncio.sleep(pause)


def wait(attempt: int, asked: float | None = None) -> float:
    """Returns how many seconds to wait after a failed attempt.

    Waits double, and half of each is up to chance, so that callers that failed together do not come back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Args:
        attempt: Its number, from 1.
        asked: Seconds that the server asks for; never less than that.

    Example:
        >>> 0.1 <= wait(1) <= 0.2
        True
    """
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 30))
    chance = random.uniform(0.5, 1.0)  # noqa: S311 - nothing secret
    return longest * chance + (asked or 0.0)

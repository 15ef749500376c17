"""Many items in few requests: cut by number and by bytes, several on their way, answers in order.

An item that the model cannot read fails everything that is sent with it. Such a batch is halved until the item stands
alone; it becomes a prediction with an error, and the others are answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

from tlzoo.client.failures import OF_ITEMS
from tlzoo.errors import DataError, ServerError
from tlzoo.items import Reader, Ready
from tlzoo.predictions import Prediction

C = TypeVar("C")
R = TypeVar("R")

Ask = Callable[[Sequence[Ready]], Awaitable[list[Prediction]]]
Answered = list[tuple[Prediction, DataError | None]]


async def in_order(
    chunks: AsyncIterator[C], work: Callable[[C], Awaitable[R]], limit: int
) -> AsyncGenerator[R, None]:
    """Works on several chunks at a time and gives results in the order of the chunks.

    Args:
        chunks: Taken as they are needed, never more than `limit` ahead.
        work: What is done with each.
        limit: How many are worked on at a time.
    """
    running: deque[asyncio.Task[R]] = deque()
    try:
        async for chunk in chunks:
            running.append(asyncio.ensure_future(work(chunk)))
            if len(running) >= limit:
                yield await running[0]
                running.popleft()
        while running:
            yield await running[0]
            running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def read_ahead(reader: Reader, items: Any, size: int, nbytes: int) -> AsyncGenerator[list[Ready], None]:
    """Reads items in a thread, a batch at a time.

    Args:
        reader: Reads them.
        items: As the reader takes them.
        size: Items of a batch, at most.
        nbytes: Their bytes, at most, unless there is just one.
    """
    loop, batches = asyncio.get_running_loop(), _batches(reader, items, size, nbytes)
    while (batch := await loop.run_in_executor(None, next, batches, None)) is not None:
        yield batch


def _batches(reader: Reader, items: Any, size: int, nbytes: int) -> Iterator[list[Ready]]:
    batch: list[Ready] = []
    total = 0
    for name, item in reader.each(items):
        ready = reader.read(name, item)
        length = len(ready.raw or b"")
        if batch and (len(batch) >= size or total + length > nbytes):
            yield batch
            batch, total = [], 0
        batch.append(ready)
        total += length
    if batch:
        yield batch


async def answered(ask: Ask, reader: Reader, batch: Sequence[Ready]) -> Answered:
    """Asks about a batch, and finds those items in it that cannot be answered.

    Args:
        ask: Asks about items that could be read.
        reader: Tries another way to read what the model refuses.
        batch: The items.

    Returns:
        A prediction for each, with the error behind it if it has one.

    Raises:
        ServerError: It is the server that fails, not an item.
    """
    sent = [one for one in batch if one.error is None]
    replies = iter(await _halving(ask, reader, sent) if sent else [])
    return [_broken(one.name, one.error) if one.error is not None else next(replies) for one in batch]


async def _halving(ask: Ask, reader: Reader, batch: Sequence[Ready]) -> Answered:
    try:
        return [(prediction, None) for prediction in await ask(batch)]
    except ServerError as error:
        if not _blames_items(error):
            raise
        if len(batch) == 1:
            return [await _alone(ask, reader, batch[0], error)]
    middle = len(batch) // 2
    return [
        *await _halving(ask, reader, batch[:middle]),
        *await _halving(ask, reader, batch[middle:]),
    ]


async def _alone(
    ask: Ask, reader: Reader, ready: Ready, refusal: ServerError
) -> tuple[Prediction, DataError | None]:
    """Reads an item in another way and asks once more, or says what is wrong with it."""
    if refusal.code not in OF_ITEMS:
        return _broken(
            ready.name, DataError(f"'{ready.name}' is too large for the server: {refusal.message}")
        )
    again = await asyncio.get_running_loop().run_in_executor(None, reader.rescued, ready)
    if again.error is not None:
        error = again.error
        what = f"{error.what} The server says: {refusal.message}"
        return _broken(ready.name, DataError(what, allowed=error.allowed, do=error.do))
    try:
        return (await ask([again]))[0], None
    except ServerError as error:
        if not _blames_items(error):
            raise
        return _broken(ready.name, DataError(f"'{ready.name}' was refused by the model: {error.message}"))


def _blames_items(error: ServerError) -> bool:
    too_large = error.code == "RESOURCE_EXHAUSTED" and not error.retry
    return error.code in OF_ITEMS or too_large


def _broken(name: str, error: DataError) -> tuple[Prediction, DataError | None]:
    return Prediction(name, error=str(error)), error

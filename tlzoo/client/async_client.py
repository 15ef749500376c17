"""The client of asynchronous programs; `sync_client` is the same for all others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from tlzoo.client.address import Address
from tlzoo.client.metadata import Metadata
from tlzoo.client.options import Options, Settings
from tlzoo.client.retry import Deadline, wait
from tlzoo.client.session import Session
from tlzoo.client.transport import Scored
from tlzoo.errors import NoAnswerError
from tlzoo.protocol.signature import DEFAULT_SIGNATURE
from tlzoo.protocol.status import VersionStatus

if TYPE_CHECKING:
    import numpy as np

    from tlzoo.client.questions import Question
    from tlzoo.items import Item, Named, Ready
    from tlzoo.predictions import Prediction

OnError = Literal["report", "raise"]

_PROBE_SECONDS, _LONGEST_PAUSE = 5.0, 1.0


class AsyncClient:
    """Asks one model of one server, TensorFlow Serving or tlzoo's own.

    Requests are tried again where the server is not there or busy, never where it says no. All methods raise
    `ServerError` (`NoAnswerError`, `RefusedError`, `ReplyError`) with the status in `code`.

    Args:
        url: `http://HOST:PORT`, `https://…`, `grpc://…` or `grpcs://…`; `/v1/models/NAME` may follow.
        model: The model's name, if the URL does not say it.
        **options: See `Options`.

    Raises:
        UsageError: The URL or an option makes no sense.

    Example:
        >>> async with AsyncClient("grpc://localhost:8500", "photos") as client:  # doctest: +SKIP
        ...     print([(one.item, one.label) for one in await client.predict(["holiday/"])])
    """

    def __init__(self, url: str, model: str | None = None, **options: Unpack[Options]) -> None:
        self._session = Session(Address.parse(url), Settings(**options), model)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Gives connections back; asking again opens new ones."""
        await self._session.transport.close()

    async def metadata(self) -> Metadata:
        """Returns the version that answers and what it can be asked."""
        return await self._session.metadata(self._session.deadline())

    async def status(self) -> list[VersionStatus]:
        """Returns where the versions of the model stand, newest first; labels make no difference."""
        return await self._session.status()

    async def ready(self) -> bool:
        """Tells if the model, in the version that was asked for, answers; does not try twice.

        Raises:
            ServerError: The server will not let us in, or is none: waiting would not help.
        """
        limit = self._session.settings.timeout
        return await self._session.probe(min(_PROBE_SECONDS, limit or _PROBE_SECONDS)) is None

    async def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Returns as soon as the model answers.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            NoAnswerError: It does not answer by then.
            ServerError: As `ready` raises it.
        """
        deadline, attempt, reason = Deadline(timeout), 0, None
        while (last := await self._session.probe(min(_PROBE_SECONDS, deadline.left or 0.0))) is not None:
            attempt += 1
            # That our own time is over says less than what the server said before.
            reason = last if reason is None or last.code != "DEADLINE_EXCEEDED" else reason
            pause = min(wait(attempt), _LONGEST_PAUSE)
            if not deadline.allows(pause):
                session = self._session
                raise NoAnswerError(
                    f"'{session.spec.name}' at {session.address} is not ready after {timeout:g} s: {reason.what}",
                    allowed="a model that answers by then.",
                    do="Look into the server's log, or wait longer.",
                    code=reason.code,
                    message=reason.message,
                )
            await asyncio.sleep(pause)

    async def call(
        self,
        inputs: Mapping[str, Any] | Any,
        signature: str = DEFAULT_SIGNATURE,
        *,
        batch_size: int | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs any signature of any SavedModel: tensors in, tensors out.

        Args:
            inputs: Arrays, lists or single values by input name, or the value of the only input; strings are `str`
                (UTF-8) or `bytes`. Numbers become what the signature declares where nothing but precision is lost.
            signature: Its name.
            batch_size: Rows a request, for models that treat every row by itself; None sends all at once.

        Returns:
            Arrays by output name; strings are object arrays of bytes.

        Raises:
            UsageError: The model has no such signature, or it takes other inputs.
        """
        from tlzoo.client.inputs import fitting
        from tlzoo.client.splitting import joined, pieces

        if batch_size is None:
            return await self._call(inputs, signature)

        async def fit(metadata: Metadata) -> dict[str, np.ndarray]:
            return fitting(inputs, metadata.signature(signature))

        arrays = await self._session.about(self._session.deadline(), fit)
        parts = pieces(arrays, batch_size, self._session.settings.batch_bytes)
        answers = await self._session.all(parts, lambda part: self._call(part, signature))
        return joined(answers, [len(next(iter(part.values()))) for part in parts])

    async def classify(
        self,
        examples: Iterable[Mapping[str, Any]],
        signature: str | None = None,
        *,
        context: Mapping[str, Any] | None = None,
    ) -> list[list[Scored]]:
        """Asks TensorFlow Serving's Classify.

        Args:
            examples: Features by name: strings, bytes, whole numbers or floats, alone or in flat lists.
            signature: Its name; by default `classify` if the model has it, else `serving_default`.
            context: Features that all examples share.

        Returns:
            Classes of each example, in the order of the model.
        """
        from tlzoo.client.examples import all_features

        return await self._session.examples("classify", *all_features(examples, context), signature)

    async def regress(
        self,
        examples: Iterable[Mapping[str, Any]],
        signature: str | None = None,
        *,
        context: Mapping[str, Any] | None = None,
    ) -> list[float]:
        """Asks TensorFlow Serving's Regress; see `classify`.

        Returns:
            A number for each example.
        """
        from tlzoo.client.examples import all_features

        return await self._session.examples("regress", *all_features(examples, context), signature)

    async def predict(
        self,
        items: Iterable[Item | Named] | Item,
        *,
        signature: str | None = None,
        top: int | None = None,
        on_error: OnError = "report",
    ) -> list[Prediction]:
        """Answers for all items at once; see `stream`."""
        return [one async for one in self.stream(items, signature=signature, top=top, on_error=on_error)]

    async def stream(
        self,
        items: Iterable[Item | Named] | Item,
        *,
        signature: str | None = None,
        top: int | None = None,
        on_error: OnError = "report",
    ) -> AsyncGenerator[Prediction, None]:
        """Asks a bundle of tlzoo's about one item after another, in order, as `Predictor.stream` does.

        Items are taken and read in a thread, so that a slow disk holds up nothing else.

        Args:
            items: For images: paths of images or folders, encoded bytes, arrays, Pillow images. For texts: strings,
                or `Path`s of .txt files and folders of them. Or just one of these.
            signature: The one to ask, if not the one that says most.
            top: How many of the likeliest classes to give; all of them by default, the likeliest first.
            on_error: `report` an item that cannot be read as a prediction with `error`, or `raise`.

        Yields:
            One prediction per item.

        Raises:
            DataError: An item cannot be read, and `on_error` is `raise`.
            UsageError: The model takes neither images nor texts as tlzoo exports them.
        """
        from tlzoo.client.batches import answered, in_order, read_ahead
        from tlzoo.client.questions import question_of

        async def question(metadata: Metadata) -> Question:
            return question_of(metadata, signature)

        async def ask(batch: Sequence[Ready]) -> list[Prediction]:
            return await self._ask(batch, signature, top)

        session, settings = self._session, self._session.settings
        reader = (await session.about(session.deadline(), question)).reader()
        batches = read_ahead(reader, items, settings.batch_size, settings.batch_bytes)
        answers = in_order(batches, lambda batch: answered(ask, reader, batch), settings.concurrency)
        async with aclosing(batches), aclosing(answers):
            async for batch in answers:
                for prediction, error in batch:
                    if error is not None and on_error == "raise":
                        raise error
                    yield prediction

    async def _ask(self, batch: Sequence[Ready], name: str | None, top: int | None) -> list[Prediction]:
        from tlzoo.client.questions import question_of

        session = self._session
        deadline = session.deadline()

        async def use(metadata: Metadata) -> list[Prediction]:
            question = question_of(metadata, name)
            inputs = question.inputs([one.raw or b"" for one in batch])
            outputs = await session.predict(question.signature.name, metadata, inputs, deadline)
            return question.predictions(outputs, [one.name for one in batch], top, str(session.address))

        return await session.about(deadline, use)

    async def _call(self, inputs: Any, signature: str) -> dict[str, np.ndarray]:
        from tlzoo.client.inputs import fitting

        session = self._session
        deadline = session.deadline()

        async def use(metadata: Metadata) -> dict[str, np.ndarray]:
            arrays = fitting(inputs, metadata.signature(signature))
            return await session.predict(signature, metadata, arrays, deadline)

        return await session.about(deadline, use)

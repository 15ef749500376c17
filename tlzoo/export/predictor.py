"""Asks a bundle in this process: any images or texts in, labels out, however many there are."""

from __future__ import annotations

import importlib
import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from tlzoo.bundle import BundleFacts, read_bundle
from tlzoo.errors import BundleError, DataError
from tlzoo.export.items import reader_for
from tlzoo.items import ImageReader, Item, Named, Reader, Ready, TextReader
from tlzoo.lite_network import LiteNetwork
from tlzoo.predictions import Prediction, write_csv

__all__ = ["Item", "Named", "Prediction", "Predictor", "write_csv"]

OPS = ("tensorflow_text",)
"""Libraries of ops that a bundle may need."""

OnError = Literal["report", "raise"]


class Predictor:
    """A bundle, loaded.

    Attributes:
        folder: The version folder.
        facts: Its description.

    Example:
        >>> predictor = Predictor.load(Path("models/photos"))  # doctest: +SKIP
        >>> [(p.item, p.label) for p in predictor.stream(["holiday/"])]  # doctest: +SKIP
        [('holiday/a.jpg', 'cat'), ('holiday/b.png', 'dog')]
    """

    def __init__(self, folder: Path, facts: BundleFacts) -> None:
        self.folder, self.facts = folder, facts
        self._reader = reader_for(facts)
        for library in facts.needs_ops:
            _know_ops(library)
        self._model = tf.saved_model.load(str(folder))
        self._signatures = self._model.signatures
        self._network = LiteNetwork.of(folder, facts, self._model)

    @classmethod
    def load(cls, path: Path | str, *, verify: bool = False) -> Predictor:
        """Loads a bundle.

        Args:
            path: A model folder (its newest version is taken) or one version folder.
            verify: True to compare every file with its checksum first.

        Raises:
            BundleError: There is no bundle there, or it is not as it was exported.
        """
        return cls(*read_bundle(Path(path), verify=verify))

    def predict(
        self,
        items: Iterable[Item] | Item,
        *,
        batch_size: int = 16,
        top: int | None = None,
        on_error: OnError = "report",
    ) -> list[Prediction]:
        """Answers for all items at once; see `stream`."""
        return list(self.stream(items, batch_size=batch_size, top=top, on_error=on_error))

    def stream(
        self,
        items: Iterable[Item | Named] | Item,
        *,
        batch_size: int = 16,
        top: int | None = None,
        on_error: OnError = "report",
        reader: Reader | None = None,
    ) -> Iterator[Prediction]:
        """Answers for one item after another, in order, holding two batches at a time.

        Args:
            items: Of a bundle for images: paths of images or folders (searched through recursively), encoded bytes,
                arrays as `tlzoo.data.images.read_image` takes them, Pillow images. For texts: strings, or `Path`s of
                .txt files and folders of them. Or just one of these.
            batch_size: Items per call of the graph.
            top: How many of the likeliest classes to give; all of them by default.
            on_error: `report` an item that cannot be read as a prediction with `error`, or `raise`.
            reader: How items are read, if not as the bundle's modality is.

        Yields:
            One prediction per item.

        Raises:
            DataError: An item cannot be read, and `on_error` is `raise`.
        """
        reader = reader or self._reader
        for batch in self._batches(reader, reader.each(items), batch_size):
            for loaded, probabilities in self._answers(reader, batch):
                if loaded.error is not None and on_error == "raise":
                    raise loaded.error
                yield self._prediction(loaded, probabilities, top)

    def features(
        self, items: Iterable[Item | Named] | Item, *, batch_size: int = 16, on_error: OnError = "report"
    ) -> Iterator[np.ndarray | None]:
        """Computes features of one item after another, in order.

        Args:
            items: As for `stream`.
            batch_size: Items per call of the graph.
            on_error: `report` an item that cannot be read as None, or `raise`.

        Yields:
            float32 (d,) per item.

        Raises:
            DataError: An item cannot be read, and `on_error` is `raise`.
        """
        # The signature takes encoded items only; what its graph does not decode is sent as a PNG file.
        reader = TextReader() if self.facts.modality == "text" else ImageReader()
        for batch in self._batches(reader, reader.each(items), batch_size):
            for ready, row in self._features(reader, batch):
                if ready.error is not None and on_error == "raise":
                    raise ready.error
                yield row

    def _features(self, reader: Reader, batch: list[Ready]) -> list[tuple[Ready, np.ndarray | None]]:
        raw = [one.raw for one in batch]
        if None not in raw:
            try:
                rows = self._answer("features", np.array(raw, object))["features"]
                return list(zip(batch, rows, strict=True))
            except tf.errors.OpError:
                pass  # one broken item fails its whole batch in the graph
        return [self._features_alone(reader, one) for one in batch]

    def _features_alone(self, reader: Reader, ready: Ready) -> tuple[Ready, np.ndarray | None]:
        for attempt in (lambda: ready, lambda: reader.rescued(ready)):
            found = attempt()
            if found.raw is None:
                return found, None
            try:
                return found, self._answer("features", np.array([found.raw], object))["features"][0]
            except tf.errors.OpError as error:
                refused = error.message
        return replace(ready, error=DataError(f"{ready.name} was refused: {refused}.")), None

    def _batches(
        self, reader: Reader, items: Iterator[tuple[str, Any]], batch_size: int
    ) -> Iterator[list[Ready]]:
        """Loads items in threads, at most two batches ahead, so that reading hides behind computing."""
        waiting: deque[Future[Ready]] = deque()
        with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 2)) as pool:
            while True:
                for name, item in itertools.islice(items, 2 * batch_size - len(waiting)):
                    waiting.append(pool.submit(reader.read, name, item))
                if not waiting:
                    return
                yield [waiting.popleft().result() for _ in range(min(batch_size, len(waiting)))]

    def _answers(self, reader: Reader, batch: list[Ready]) -> list[tuple[Ready, np.ndarray | None]]:
        found: dict[int, np.ndarray] = {}
        raw = [index for index, one in enumerate(batch) if one.raw is not None]
        try:
            if raw:
                found.update(zip(raw, self._ask([batch[index] for index in raw]), strict=True))
        except tf.errors.OpError:
            # One broken item fails its whole batch in the graph: ask one by one to find it.
            for index in raw:
                batch[index], answer = self._alone(reader, batch[index])
                found.update({} if answer is None else {index: answer})
        pixels = [index for index, one in enumerate(batch) if one.eaten is not None]
        if pixels:
            found.update(zip(pixels, self._ask_pixels([batch[index].eaten for index in pixels]), strict=True))
        return [(one, found.get(index)) for index, one in enumerate(batch)]

    def _alone(self, reader: Reader, ready: Ready) -> tuple[Ready, np.ndarray | None]:
        try:
            return ready, self._ask([ready])[0]
        except tf.errors.OpError:
            return reader.rescued(ready), None

    def _ask(self, batch: Sequence[Ready]) -> np.ndarray:
        return self._rows("serving_default", np.array([one.raw for one in batch], object))

    def _ask_pixels(self, batch: Sequence[np.ndarray | None]) -> np.ndarray:
        return self._rows("pixels", np.stack([one for one in batch if one is not None]))

    def _rows(self, key: str, given: np.ndarray) -> np.ndarray:
        """Returns probabilities (n, c); of a regression the number and its band (n, 3); and a score of foreignness."""
        answer = self._answer(key, given)
        if self.facts.task == "regression":
            rows = np.stack([answer[name] for name in ("value", "low", "high")], axis=1)
        else:
            rows = answer["probabilities"]
        return rows if self.facts.ood is None else np.column_stack([rows, answer["ood_score"]])

    def _answer(self, key: str, given: np.ndarray) -> dict[str, np.ndarray]:
        if self._network is not None and self._network.takes(key, given):
            return self._network.run(key, given)
        signature = self._signatures[key]
        (name,) = signature.structured_input_signature[1]
        return {alias: value.numpy() for alias, value in signature(**{name: tf.constant(given)}).items()}

    def _prediction(self, loaded: Ready, answer: np.ndarray | None, top: int | None) -> Prediction:
        if answer is None:
            return Prediction(loaded.name, error=str(loaded.error))
        if self.facts.ood is not None:
            told = self._said(loaded, answer[:-1], top)
            return replace(told, ood_score=float(answer[-1]))
        return self._said(loaded, answer, top)

    def _said(self, loaded: Ready, answer: np.ndarray, top: int | None) -> Prediction:
        if self.facts.task == "regression":
            value, low, high = (float(number) for number in answer)
            return Prediction(loaded.name, value=value, low=low, high=high)
        names, ranked = self.facts.class_names, np.argsort(-answer, kind="stable")
        shown = range(len(names)) if top is None else ranked[:top]
        by_class = {names[index]: float(answer[index]) for index in shown}
        if self.facts.task == "multilabel":
            reached = answer >= np.asarray(self.facts.thresholds, np.float32)
            labels = tuple(names[at] for at in np.flatnonzero(reached))
            return Prediction(loaded.name, probabilities=by_class, labels=labels)
        return Prediction(loaded.name, names[ranked[0]], float(answer[ranked[0]]), by_class)


def _know_ops(library: str) -> None:
    """Imports a library whose ops a graph needs; TensorFlow knows them from then on."""
    if library not in OPS:  # the description may come from strangers
        raise BundleError(
            f"The bundle needs {library!r}, which this tlzoo does not know.",
            allowed=f"TensorFlow's own ops, and those of {', '.join(OPS)}.",
            do="Update tlzoo.",
        )
    try:
        importlib.import_module(library)
    except ImportError as error:
        raise BundleError(
            f"The bundle needs {library}, which cannot be imported: {error}.",
            allowed="an environment that has it.",
            do=f"pip install {library.replace('_', '-')}",
        ) from error

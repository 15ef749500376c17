"""Asks a bundle in this process: any images in, labels out, however many there are."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from PIL import Image

from tlzoo.bundle import BundleFacts, read_bundle
from tlzoo.data import images
from tlzoo.data.listing import SUFFIXES
from tlzoo.errors import DataError
from tlzoo.export.exportable import Resize
from tlzoo.export.predictions import Prediction, write_csv

__all__ = ["Item", "Prediction", "Predictor", "write_csv"]

Item = str | Path | bytes | np.ndarray | Image.Image
OnError = Literal["report", "raise"]


@dataclass(frozen=True)
class _Loaded:
    """An item on its way: encoded bytes for the graph, or uint8 pixels of the model's size, or an error."""

    name: str
    item: Any
    encoded: bytes | None = None
    pixels: np.ndarray | None = None
    error: DataError | None = None


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
        self._model = tf.saved_model.load(str(folder))
        self._signatures = self._model.signatures

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
        items: Iterable[Item] | Item,
        *,
        batch_size: int = 16,
        top: int | None = None,
        on_error: OnError = "report",
    ) -> Iterator[Prediction]:
        """Answers for one item after another, in order, holding two batches at a time.

        Args:
            items: Paths of images or folders (searched through recursively), encoded bytes, arrays as
                `tlzoo.data.images.read_image` takes them, Pillow images; or just one of these.
            batch_size: Images per call of the graph.
            top: How many of the likeliest classes to give; all of them by default.
            on_error: `report` an image that cannot be read as a prediction with `error`, or `raise`.

        Yields:
            One prediction per image.

        Raises:
            DataError: An image cannot be read, and `on_error` is `raise`.
        """
        for batch in self._batches(_one_by_one(items), batch_size):
            for loaded, probabilities in self._answers(batch):
                if loaded.error is not None and on_error == "raise":
                    raise loaded.error
                yield self._prediction(loaded, probabilities, top)

    def _batches(self, items: Iterator[tuple[str, Any]], batch_size: int) -> Iterator[list[_Loaded]]:
        """Loads items in threads, at most two batches ahead, so that reading hides behind computing."""
        waiting: deque[Future[_Loaded]] = deque()
        with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 2)) as pool:
            while True:
                for name, item in itertools.islice(items, 2 * batch_size - len(waiting)):
                    waiting.append(pool.submit(self._load_item, name, item))
                if not waiting:
                    return
                yield [waiting.popleft().result() for _ in range(min(batch_size, len(waiting)))]

    def _load_item(self, name: str, item: Any) -> _Loaded:
        try:
            if isinstance(item, (str, Path)):
                # What cannot even be opened is named by `read_image`, below.
                item = Path(item)
                encoded = item.read_bytes() if item.is_file() else b""
            else:
                encoded = bytes(item) if isinstance(item, (bytes, bytearray, memoryview)) else b""
            if _graph_decodes(encoded):
                return _Loaded(name, item, encoded=encoded)
            return _Loaded(name, item, pixels=self._read(item))
        except OSError as error:
            return _Loaded(
                name, item, error=DataError(f"'{name}' cannot be read: {error.strerror or error}.")
            )
        except DataError as error:
            return _Loaded(name, item, error=error)

    def _read(self, item: Any) -> np.ndarray:
        """Goes the Python way for what the graph cannot decode; the resizing is the graph's own."""
        if isinstance(item, Path) and item.is_dir():
            raise DataError(
                f"Folder '{item}' holds no images.",
                allowed=f"files that end in {', '.join(sorted(SUFFIXES))}.",
                do="Give another folder, or name the files.",
            )
        resize: Resize = self.facts.resize
        return images.resize(tf.constant(images.read_image(item)), self.facts.size, resize).numpy()

    def _answers(self, batch: list[_Loaded]) -> list[tuple[_Loaded, np.ndarray | None]]:
        encoded = [index for index, one in enumerate(batch) if one.encoded is not None]
        found: dict[int, np.ndarray] = {}
        try:
            if encoded:
                found.update(
                    zip(encoded, self._ask_encoded([batch[index] for index in encoded]), strict=True)
                )
        except tf.errors.OpError:
            # One broken image fails its whole batch in the graph: ask one by one to find it.
            for index in encoded:
                batch[index], answer = self._alone(batch[index])
                found.update({} if answer is None else {index: answer})
        arrays = [index for index, one in enumerate(batch) if one.pixels is not None]
        if arrays:
            found.update(
                zip(arrays, self._ask_pixels([batch[index].pixels for index in arrays]), strict=True)
            )
        return [(one, found.get(index)) for index, one in enumerate(batch)]

    def _alone(self, loaded: _Loaded) -> tuple[_Loaded, np.ndarray | None]:
        try:
            return loaded, self._ask_encoded([loaded])[0]
        except tf.errors.OpError:
            try:
                return _Loaded(loaded.name, loaded.item, pixels=self._read(loaded.item)), None
            except DataError as error:
                return _Loaded(loaded.name, loaded.item, error=error), None

    def _ask_encoded(self, batch: Sequence[_Loaded]) -> np.ndarray:
        contents = tf.constant([one.encoded for one in batch], tf.string)
        return self._signatures["serving_default"](image_bytes=contents)["probabilities"].numpy()

    def _ask_pixels(self, batch: Sequence[np.ndarray | None]) -> np.ndarray:
        pixels = tf.constant(np.stack([one for one in batch if one is not None]).astype(np.float32))
        return self._signatures["pixels"](pixels=pixels)["probabilities"].numpy()

    def _prediction(self, loaded: _Loaded, answer: np.ndarray | None, top: int | None) -> Prediction:
        if answer is None:
            return Prediction(loaded.name, error=str(loaded.error))
        names, ranked = self.facts.class_names, np.argsort(-answer, kind="stable")
        shown = range(len(names)) if top is None else ranked[:top]
        by_class = {names[index]: float(answer[index]) for index in shown}
        return Prediction(loaded.name, names[ranked[0]], float(answer[ranked[0]]), by_class)


def _graph_decodes(encoded: bytes) -> bool:
    if encoded[:4] == b"RIFF":
        return encoded[8:12] == b"WEBP"
    return encoded.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM"))


def _one_by_one(items: Iterable[Item] | Item) -> Iterator[tuple[str, Any]]:
    several: Any = [items] if _is_one(items) else items
    for index, item in enumerate(several):
        if isinstance(item, (str, Path)):
            yield from ((str(path), path) for path in _files(Path(item)))
        elif isinstance(item, (bytes, bytearray, memoryview)):
            yield f"bytes:{index}", item
        elif isinstance(item, Image.Image):
            yield f"image:{index}", item
        else:
            yield f"array:{index}", item


def _is_one(items: Any) -> bool:
    if isinstance(items, np.ndarray):
        return items.ndim < 4
    return isinstance(items, (str, Path, bytes, bytearray, memoryview, Image.Image))


def _files(path: Path) -> Iterator[Path]:
    """Walks a folder in order, one directory's names in memory at a time; gives the folder itself if it has none."""
    if not path.is_dir():
        yield path
        return
    empty = True
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                empty = False
                yield Path(folder, name)
    if empty:
        yield path

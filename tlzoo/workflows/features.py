"""Features of any items under a run's own weights, and what the run says of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.errors import DataError
from tlzoo.progress import Progress

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.workflows.run import Run


def frozen(run: Run) -> bool:
    """Returns whether training left the backbone as it was, so that features in the cache are the run's own."""
    return run.folder.plan.pretrained and all(phase.inputs == "features" for phase in run.folder.plan.phases)


def features_of(
    run: Run, dataset: Dataset, indices: np.ndarray | None = None, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns features float32 (m, d) of items that can be read, and which these are, int64 (m,).

    Args:
        run: Gives the backbone with the weights training left it.
        dataset: Any items of its modality.
        indices: Which of them; all by default.
        progress: Told how far it is.
    """
    wanted = np.arange(len(dataset)) if indices is None else np.asarray(indices, np.int64)
    if frozen(run) and dataset.fingerprint == run.folder.config["data"]["fingerprint"]:
        kept = np.asarray(run.context.extractor.plain()[wanted])
        sound = np.isfinite(kept).all(axis=1)
        return kept[sound], wanted[sound]
    if dataset.modality == "text":
        from tlzoo.features import text_extract
        from tlzoo.features.tokens import open_texts

        items = [str(dataset.items[at]) for at in wanted]
        texts = open_texts(run.backbone.encoder, items)
        return text_extract.features_of(run.backbone, texts, np.arange(len(items))), wanted
    return _of_images(run, dataset, wanted, progress)


def _of_images(
    run: Run, dataset: Dataset, wanted: np.ndarray, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    from tlzoo.data.stream import stream_pixels
    from tlzoo.features.engines import GraphEngine, choose_engine

    plan = run.folder.plan
    _ = run.model  # training's weights, before any engine reads them
    engine = choose_engine(run.backbone) if frozen(run) else GraphEngine(run.backbone)
    parts, places, done = [], [], 0
    for pixels, chosen in stream_pixels(dataset, wanted, plan.size, plan.resize, 32):
        step = engine.batch_size
        parts += [engine(pixels[at : at + step]) for at in range(0, len(pixels), step)]
        places.append(chosen)
        done += len(chosen)
        if progress:
            progress(done, len(wanted), "features")
    if not parts:
        raise DataError("No image of them can be decoded.", allowed="1 or more sound images.")
    return np.concatenate(parts), np.concatenate(places)


def logits_of(run: Run, features: np.ndarray) -> np.ndarray:
    """Returns float32 logits (n, c), or numbers (n, 1), of features (n, d)."""
    kernel, bias = (np.asarray(weight) for weight in run.model.get_layer("head").weights)
    return np.asarray(features @ kernel + bias, np.float32)


def unlabelled(
    run: Run, source: Any, *, text_column: str | None = None, encoding: str | None = None
) -> Dataset:
    """Returns items nobody has labelled, as a data set whose labels mean nothing.

    Args:
        run: Says whether they are images or texts.
        source: A folder or a file; a table of texts; or several items in memory.
        text_column: Of a table.
        encoding: Of tables and files of text.

    Raises:
        DataError: There is nothing that can be read.
    """
    from tlzoo.data.dataset import Dataset

    image = run.folder.card.modality == "image"
    named = list(_images(source) if image else _texts(source, text_column, encoding))
    if not named:
        raise DataError(f"'{source}' holds no {run.folder.card.modality}s.", allowed="1 or more.")
    return Dataset(
        name="unlabelled",
        items=tuple(item for _, item in named),
        labels=np.zeros(len(named), np.int64),
        class_names=run.class_names,
        keys=tuple(name for name, _ in named),
        digests=("",) * len(named),
        tolerance=1.0,
        modality=run.folder.card.modality,
    )


def _images(source: Any) -> Iterable[tuple[str, Any]]:
    from tlzoo.data.convert import read_image
    from tlzoo.items import ImageReader

    path = Path(source) if isinstance(source, (str, Path)) else None
    for name, item in ImageReader().each(source):
        if isinstance(item, (str, Path)):
            if Path(item).is_dir() or not Path(item).exists():
                raise DataError(f"'{item}' holds no images.", allowed="an image, or a folder with some.")
            below = path is not None and path.is_dir()
            yield (str(Path(item).relative_to(path)) if below and path else name), Path(item)
        else:
            yield name, read_image(item)


def _texts(source: Any, column: str | None, encoding: str | None) -> Iterable[tuple[str, str]]:
    from tlzoo.data.unlabelled import TABLES, texts_of
    from tlzoo.items import TextReader

    path = Path(source) if isinstance(source, (str, Path)) else None
    if path is not None and path.is_file() and path.suffix.lower() in TABLES:
        for key, text in texts_of(path, column, encoding):
            if isinstance(text, str) and text.strip():
                yield key, text
        return
    reader = TextReader(encoding)
    for name, item in reader.each(source if path is None else path):
        ready = reader.read(name, item)
        if ready.error is not None and path is not None and not path.is_dir():
            raise ready.error
        if ready.raw:
            yield name, ready.raw.decode("utf-8")

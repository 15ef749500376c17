"""What a run says of any items, without an export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.errors import DataError
from tlzoo.metrics.calibration import softmax
from tlzoo.metrics.multilabel import sigmoid
from tlzoo.predictions import Prediction

if TYPE_CHECKING:
    from tlzoo.export.ood import OodScore
    from tlzoo.workflows.run import Run

Features = Callable[[Sequence[Any]], np.ndarray]
"""From items that could be read (pixels, or texts) to features float32 (n, d)."""


def predict(run: Run, items: Any, ood: OodScore | None = None) -> list[Prediction]:
    """Answers for items one after another, as the exported bundle would.

    Args:
        run: A finished run.
        items: As for `tlzoo.load_bundle(…).predict`: paths, folders, encoded bytes, arrays, Pillow images; or texts.
        ood: What tells foreign items; None tells of none.

    Returns:
        One prediction per item; with `error` for one that cannot be read.
    """
    read = _texts(run, items) if run.folder.card.modality == "text" else _pictures(run, items)
    sound = [ready for _, ready in read if not isinstance(ready, DataError)]
    rows = iter(_rows(run, sound, ood) if sound else ())
    return [
        Prediction(name, error=str(ready)) if isinstance(ready, DataError) else _said(run, name, *next(rows))
        for name, ready in read
    ]


def _texts(run: Run, items: Any) -> list[tuple[str, Any]]:
    from tlzoo.items import TextReader

    reader = TextReader()
    read = ((name, reader.read(name, item)) for name, item in reader.each(items))
    return [(name, ready.error or (ready.raw or b"").decode("utf-8")) for name, ready in read]


def _pictures(run: Run, items: Any) -> list[tuple[str, Any]]:
    import tensorflow as tf

    from tlzoo.data.convert import read_image
    from tlzoo.data.images import resize
    from tlzoo.items import ImageReader

    plan, found = run.folder.plan, []
    for name, item in ImageReader().each(items):
        try:
            # Not the stream that training reads: tracing it costs more than a dozen pictures.
            seen = resize(tf.constant(read_image(item)), plan.size, plan.resize).numpy()
            found.append((name, np.clip(np.rint(seen), 0, 255).astype(np.uint8)))
        except DataError as error:
            found.append((name, error))
        except OSError as error:
            found.append((name, DataError(f"'{name}' cannot be read: {error.strerror or error}.")))
    return found


def _rows(run: Run, sound: list[Any], ood: OodScore | None) -> Iterator[tuple[np.ndarray, float | None]]:
    """Yields the probabilities (c,) of each item, or its number (1,); and how foreign it is."""
    kernel, bias = (np.asarray(weight) for weight in run.model.get_layer("head").weights)
    features = run.features(sound)
    outputs = features @ kernel + bias
    foreign = [None] * len(sound) if ood is None else ood.reference(features, outputs).tolist()
    if run.task == "regression":
        answers = np.asarray(outputs, np.float64)
    else:
        answers = (sigmoid if run.task == "multilabel" else softmax)(outputs, run.temperature)
    return zip(answers, foreign, strict=True)


def feature_function(run: Run) -> Features:
    """Returns what computes features under a run's own weights, by the fastest engine that has them."""
    _ = run.model  # training's weights, before any engine reads them
    backbone = run.backbone
    if run.folder.card.modality == "text":
        from tlzoo.features.text_engines import choose_text_engine
        from tlzoo.features.text_extract import features_of
        from tlzoo.features.tokens import open_texts

        text_engine = choose_text_engine(backbone, "graph")

        def of_texts(texts: Sequence[str]) -> np.ndarray:
            return features_of(
                backbone, open_texts(backbone.encoder, texts), np.arange(len(texts)), text_engine
            )

        return of_texts
    from tlzoo.features.engines import GraphEngine, choose_engine
    from tlzoo.workflows.features import frozen

    engine = choose_engine(backbone) if frozen(run) else GraphEngine(backbone)

    def of_pictures(pixels: Sequence[np.ndarray]) -> np.ndarray:
        step = engine.batch_size
        return np.concatenate(
            [engine(np.stack(pixels[at : at + step])) for at in range(0, len(pixels), step)]
        )

    return of_pictures


def _said(run: Run, name: str, row: np.ndarray, foreign: float | None) -> Prediction:
    if run.task == "regression":
        value, radius = float(row[0]), run.band or 0.0
        return Prediction(name, value=value, low=value - radius, high=value + radius, ood_score=foreign)
    by_class = {kind: float(share) for kind, share in zip(run.class_names, row, strict=True)}
    if run.task == "multilabel":
        reached = row >= np.asarray(run.thresholds)
        named = tuple(np.array(run.class_names)[reached].tolist())
        return Prediction(name, probabilities=by_class, labels=named, ood_score=foreign)
    best = int(row.argmax())
    return Prediction(name, run.class_names[best], float(row[best]), by_class, ood_score=foreign)

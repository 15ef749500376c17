"""Features of a ranking's examples, from the cache where training or an earlier ranking left them, and their cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.progress import Progress

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.features.extract import Extractor
    from tlzoo.features.text_extract import TextExtractor
    from tlzoo.workflows.rank_scores import Examples

_TIMED = {"image": 16, "text": 64}  # examples of the batch on which features are timed


def features_of(
    backbone: Backbone, examples: Examples, progress: Progress | None = None
) -> tuple[np.ndarray, float]:
    """Returns features of the examples, float32 (n, d), and the seconds that 1,000 take on this machine.

    Args:
        backbone: Stays as it is.
        examples: Images, or texts.
        progress: Told how far the pass is.

    Returns:
        Features, from the cache where they are in it; rows of images that cannot be decoded are NaN. The seconds are
        those of the backbone and its preprocessing, measured on a batch; decoding is left out.
    """
    from tlzoo.features.extract import Extractor
    from tlzoo.features.text_extract import TextExtractor

    dataset, rows = examples.dataset, examples.rows
    if dataset.modality == "text":
        texts = TextExtractor(backbone, dataset.subset(rows), examples.engine, progress=progress)
        return texts.plain(), _text_seconds(texts)
    # The whole data set where it is small: a training that follows then finds its features in the cache.
    whole = len(dataset) <= 2 * len(rows)
    images = Extractor(
        backbone, dataset if whole else dataset.subset(rows), engine_name=examples.engine, progress=progress
    )
    features = images.plain()
    return np.asarray(features[rows] if whole else features), _image_seconds(images)


def _image_seconds(extractor: Extractor) -> float:
    engine, count = extractor.engine, min(_TIMED["image"], extractor.engine.batch_size)
    shape = (count, *extractor.backbone.size, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return _per_thousand(lambda: engine(pixels), count)


def _text_seconds(extractor: TextExtractor) -> float:
    engine, inputs = extractor.engine, extractor.inputs
    # Texts of the middle lengths: what a thousand of them take is neither the shortest's time nor the longest's.
    order = np.argsort(inputs.lengths, kind="stable")
    count = min(_TIMED["text"], len(order))
    start = (len(order) - count) // 2
    batch = inputs.read(order[start : start + count], engine.multiple)
    return _per_thousand(lambda: engine(batch), count)


def _per_thousand(act: Callable[[], Any], count: int) -> float:
    act()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return 1000 * min(times) / count

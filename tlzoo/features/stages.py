"""What every stage of a frozen backbone says of each example, in one pass, kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlzoo.backbones.backbone import Backbone
from tlzoo.backbones.taps import stage_taps, watching
from tlzoo.data.dataset import Dataset
from tlzoo.data.stream import stream_pixels
from tlzoo.features.cache import FeatureCache, FeatureKey
from tlzoo.features.text_extract import by_length
from tlzoo.features.tokens import open_texts
from tlzoo.plans import Resize
from tlzoo.progress import Progress

BATCH = 16


@dataclass(frozen=True)
class StageExtractor:
    """Features of one data set after each stage of one backbone: its map, averaged over all positions.

    Attributes:
        backbone: Frozen while this object lives.
        dataset: Images or texts.
        resize: The policy that brings images to the backbone's size.
        cache: Where features are kept.
        progress: Told how far the pass is.
    """

    backbone: Backbone
    dataset: Dataset
    resize: Resize = "stretch"
    cache: FeatureCache = field(default_factory=FeatureCache)
    progress: Progress | None = None

    def of(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Returns features float32 (m, d) by stage, stem first; rows of images that cannot be decoded are NaN.

        Args:
            indices: Items, int (m,).

        Raises:
            UsageError: What stages give cannot be seen (modules of TF Hub).
        """
        taps = stage_taps(self.backbone)
        keys = {name: self._key(name, indices) for name in taps}
        kept = {name: self.cache.get(key) for name, key in keys.items()}
        if all(each is not None for each in kept.values()):
            return {name: np.asarray(each) for name, each in kept.items()}
        computed: dict[str, np.ndarray] = {}
        for at, rows in self._batches(indices, _forward(self.backbone, taps)):
            for name, values in rows.items():
                empty = np.full((len(indices), values.shape[1]), np.nan, np.float32)
                computed.setdefault(name, empty)[at] = values
        return {name: np.asarray(self.cache.put(keys[name], each)) for name, each in computed.items()}

    def _batches(
        self, indices: np.ndarray, forward: Callable[[Any], dict[str, tf.Tensor]]
    ) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Yields positions in `indices`, and what each stage says of them."""
        done = 0
        for at, inputs in self._inputs(indices):
            yield at, {name: value.numpy() for name, value in forward(tf.constant(inputs)).items()}
            done += len(at)
            if self.progress:
                self.progress(done, len(indices), "features of all stages")

    def _inputs(self, indices: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if self.dataset.modality == "image":
            row = {int(index): at for at, index in enumerate(indices)}
            stream = stream_pixels(self.dataset, indices, self.backbone.size, self.resize, BATCH)
            for pixels, chosen in stream:
                yield np.array([row[int(index)] for index in chosen], np.int64), pixels
            return
        texts = open_texts(self.backbone.encoder, [self.dataset.items[int(at)] for at in indices])  # type: ignore[misc]
        for at in by_length(texts.lengths):
            yield at, texts.read(at)

    def _key(self, stage: str, indices: np.ndarray) -> FeatureKey:
        card, encoder = self.backbone.card, self.backbone.encoder
        seen = "" if encoder is None else f" {encoder.tokenizer.fingerprint} {encoder.length}"
        return FeatureKey(
            weights=self.backbone.weights_hash,
            size=self.backbone.size,
            resize=self.resize,
            preprocessing=f"{card.preprocessing}{seen}",
            engine=f"graph, after stage {stage}",
            dataset=f"{self.dataset.fingerprint} {np.asarray(indices, np.int64).tobytes().hex()}",
        )


def _forward(backbone: Backbone, taps: dict[str, keras.Operation]) -> Callable[[Any], dict[str, tf.Tensor]]:
    @tf.function(reduce_retracing=True, jit_compile=False)
    def forward(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        eaten = tf.cast(inputs, tf.float32) if inputs.dtype == tf.uint8 else inputs
        with watching(taps) as seen:
            backbone.model(eaten, training=False)
        return {name: averaged(seen[name], eaten) for name in taps}

    return forward


def averaged(outputs: Any, inputs: Any) -> Any:
    """Returns maps (b, …, d) averaged over their positions, float32 (b, d); padding of texts does not count.

    Args:
        outputs: Of a stage.
        inputs: What the backbone ate: tokens int32 (b, t), where a text is meant; -1 where it has ended.
    """
    outputs = tf.cast(outputs, tf.float32)
    if len(outputs.shape) == 2:
        return outputs
    if inputs.dtype == tf.int32 and len(outputs.shape) == 3:
        mask = tf.cast(inputs >= 0, tf.float32)[..., None]
        return tf.reduce_sum(outputs * mask, axis=1) / tf.maximum(tf.reduce_sum(mask, axis=1), 1)
    return tf.reduce_mean(outputs, axis=list(range(1, len(outputs.shape) - 1)))

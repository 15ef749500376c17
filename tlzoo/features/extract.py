"""One pass of a frozen backbone over the data, kept in the cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import tensorflow as tf

from tlzoo.backbones.backbone import Backbone
from tlzoo.data.augment import augment
from tlzoo.data.dataset import Dataset
from tlzoo.data.stream import stream_pixels
from tlzoo.features.cache import FeatureCache, FeatureKey
from tlzoo.features.engines import Engine, choose_engine
from tlzoo.plans import Augment, Resize
from tlzoo.progress import Progress

STREAM_BATCH = 32


@dataclass(frozen=True)
class Extractor:
    """Features of one data set under one backbone.

    Attributes:
        backbone: Frozen while this object lives.
        dataset: Where the images come from.
        resize: The policy that brings them to the backbone's size.
        engine_name: `auto`, `graph` or `litert`.
        cache: Where features are kept.
        progress: Told how far the pass is.
    """

    backbone: Backbone
    dataset: Dataset
    resize: Resize = "stretch"
    engine_name: str = "auto"
    cache: FeatureCache = field(default_factory=FeatureCache)
    progress: Progress | None = None

    @cached_property
    def engine(self) -> Engine:
        """The engine, chosen when first needed."""
        return choose_engine(self.backbone, self.engine_name)

    def plain(self) -> np.ndarray:
        """Returns features float32 (n, d) of every item, in order; rows of images that cannot be decoded are NaN."""
        return self._kept(self._key(np.arange(len(self.dataset))), np.arange(len(self.dataset)), None)

    def views(self, indices: np.ndarray, policy: Augment, count: int, seed: int) -> list[np.ndarray]:
        """Returns `count` arrays float32 (len(indices), d) of randomly changed copies.

        Args:
            indices: Items to take, int (m,).
            policy: How images may change.
            count: How many copies of each.
            seed: The same seed gives the same copies.
        """
        base = replace(self._key(indices), augment=policy.model_dump_json(), seed=seed)
        return [self._kept(replace(base, view=view), indices, policy) for view in range(1, count + 1)]

    def _key(self, indices: np.ndarray) -> FeatureKey:
        chosen = hashlib.sha256(np.asarray(indices, np.int64).tobytes()).hexdigest()[:16]
        card = self.backbone.card
        return FeatureKey(
            weights=self.backbone.weights_hash,
            size=self.backbone.size,
            resize=self.resize,
            preprocessing=f"{card.preprocessing.model_dump_json()}{card.pooling}",
            engine=self.engine.name,
            dataset=f"{self.dataset.fingerprint}:{chosen}",
        )

    def _kept(self, key: FeatureKey, indices: np.ndarray, policy: Augment | None) -> np.ndarray:
        kept = self.cache.get(key)
        if kept is not None and kept.shape[0] == len(indices):
            return kept
        return self.cache.put(key, self._pass(key, indices, policy))

    def _pass(self, key: FeatureKey, indices: np.ndarray, policy: Augment | None) -> np.ndarray:
        features = self._begun(key, len(indices))
        try:
            self._fill(features, key, indices, policy)
        except BaseException:
            self.cache.put_part(key, features)
            raise
        return features

    def _begun(self, key: FeatureKey, count: int) -> np.ndarray:
        """Returns features float32 (count, d): what an interrupted pass left, NaN elsewhere."""
        features = np.full((count, self.backbone.card.features), np.nan, np.float32)
        part = self.cache.get_part(key)
        if part is not None and part.shape[1:] == features.shape[1:] and len(part) <= count:
            features[: len(part)] = part
        return features

    def _fill(
        self, features: np.ndarray, key: FeatureKey, indices: np.ndarray, policy: Augment | None
    ) -> None:
        """Computes the rows that are NaN; broken images among them are looked at again, so that all are counted."""
        what = "features" if policy is None else f"features, view {key.view}"
        missing = indices[np.isnan(features).any(axis=1)]
        row = {int(index): at for at, index in enumerate(indices)}
        stream = stream_pixels(self.dataset, missing, self.backbone.size, self.resize, STREAM_BATCH)
        done = len(indices) - len(missing)
        for pixels, chosen in stream:
            if policy is not None:
                pixels = _changed(pixels, chosen, policy, key)
            features[[row[int(index)] for index in chosen]] = self._computed(pixels)
            done += len(pixels)
            if self.progress:
                self.progress(done, len(indices), what)

    def _computed(self, pixels: np.ndarray) -> np.ndarray:
        step = self.engine.batch_size
        return np.concatenate([self.engine(pixels[at : at + step]) for at in range(0, len(pixels), step)])


def _changed(pixels: np.ndarray, indices: np.ndarray, policy: Augment, key: FeatureKey) -> np.ndarray:
    """Returns pixels changed at random; an image's change depends on seed, view and its index alone."""
    seeds = np.stack([np.full(len(indices), key.seed * 1009 + key.view), indices], axis=1).astype(np.int32)
    changed = augment(tf.cast(pixels, tf.float32), tf.constant(seeds), policy)
    return tf.cast(tf.round(tf.clip_by_value(changed, 0.0, 255.0)), tf.uint8).numpy()

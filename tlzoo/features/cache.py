"""The feature cache: content-addressed files, so that a second look costs nothing and a change never lies."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tlzoo import paths

VERSION = 1
"""Raised whenever decoding, resizing, augmenting or pooling changes what features come out."""


@dataclass(frozen=True)
class FeatureKey:
    """Everything features depend on.

    Attributes:
        weights: Digest of the backbone's weights.
        size: Height and width in pixels.
        resize: The policy that made images that size.
        preprocessing: The card's preprocessing, as text.
        engine: The engine that computed them; engines agree closely, not bit for bit.
        dataset: The data's fingerprint.
        view: 0 for the plain images, k for the k-th augmented view.
        augment: The augmentation of that view as JSON; empty for the plain images.
        seed: Of the augmentation; 0 for the plain images.
    """

    weights: str
    size: tuple[int, int]
    resize: str
    preprocessing: str
    engine: str
    dataset: str
    view: int = 0
    augment: str = ""
    seed: int = 0

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that name the file."""
        text = json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class FeatureCache:
    """Features on disk, one `.npy` a key.

    Args:
        root: Its folder; by default `cache_dir()/features`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or paths.cache_dir() / "features"

    def get(self, key: FeatureKey) -> np.ndarray | None:
        """Returns the features of `key` memory-mapped, or None if they are not there or damaged."""
        try:
            return np.load(self._path(key), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            return None

    def put(self, key: FeatureKey, features: np.ndarray) -> np.ndarray:
        """Keeps features float32 (n, d), whole or not at all, and returns them memory-mapped."""
        with paths.replacing(self._path(key)) as file:
            np.save(file, features, allow_pickle=False)
        self._part(key).unlink(missing_ok=True)
        return np.load(self._path(key), mmap_mode="r", allow_pickle=False)

    def get_part(self, key: FeatureKey) -> np.ndarray | None:
        """Returns what an interrupted pass left of the features of `key`, float32 (m, d), or None."""
        try:
            found: np.ndarray = np.load(self._part(key), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return found

    def put_part(self, key: FeatureKey, features: np.ndarray) -> None:
        """Keeps what there is of an interrupted pass, for the next one; `put` lets go of it.

        Args:
            key: Of the whole features.
            features: float32 (m, d), NaN where a row is not computed; those at the end are not kept.
        """
        known = np.flatnonzero(np.isfinite(features).all(axis=1))
        if len(known):
            # What interrupted the pass matters more than a disk that is full.
            with suppress(OSError), paths.replacing(self._part(key)) as file:
                np.save(file, features[: known[-1] + 1], allow_pickle=False)

    def _path(self, key: FeatureKey) -> Path:
        return self.root / key.digest[:2] / f"{key.digest}.npy"

    def _part(self, key: FeatureKey) -> Path:
        return self._path(key).with_suffix(".part.npy")

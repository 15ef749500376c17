"""Vectors on disk by the hash of what they are vectors of: a text that was seen before costs nothing, wherever it is.

A store is a folder of parts. A part's vectors are written before its keys, and a part without keys does not count,
so a killed process leaves nothing that looks whole.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo import paths

MOST_PARTS = 16
"""Parts beyond which they are joined into one."""


class VectorStore:
    """Vectors of one network, float32 (d,), by SHA-256.

    Args:
        facts: Everything the vectors depend on beside the text; part of the folder's name.
        root: Where stores are; by default `cache_dir()/features`.

    Example:
        >>> store = VectorStore({"weights": "f00d"})  # doctest: +SKIP
        >>> store.put([digest], np.zeros((1, 384), np.float32))  # doctest: +SKIP
    """

    def __init__(self, facts: Mapping[str, Any], root: Path | None = None) -> None:
        name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
        self.folder = (root or paths.cache_dir() / "features") / f"texts-{name}"

    def get(self, digests: Sequence[str], width: int) -> tuple[np.ndarray, np.ndarray]:
        """Looks vectors up.

        Args:
            digests: 64 hexadecimal digits each, (n,).
            width: Length of a vector.

        Returns:
            float32 (n, width), NaN where nothing is known; and the rows of those, int64 (m,).
        """
        found = np.full((len(digests), width), np.nan, np.float32)
        wanted = _keys(digests)
        missing = np.ones(len(digests), bool)
        for _, keys, vectors in self._parts(width):
            order = np.argsort(keys)
            at = np.searchsorted(keys, wanted, sorter=order).clip(max=len(keys) - 1)
            rows = order[at]
            hit = (keys[rows] == wanted) & missing
            found[hit] = vectors[rows[hit]]
            missing &= ~hit
        return found, np.flatnonzero(missing)

    def put(self, digests: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps vectors float32 (n, d), n of 1 or more."""
        self._write(_keys(digests), vectors)
        parts = self._parts(vectors.shape[1])
        if len(parts) > MOST_PARTS:
            # What another process writes meanwhile is in no part read here, and stays.
            keys, first = np.unique(np.concatenate([keys for _, keys, _ in parts]), return_index=True)
            self._write(keys, np.concatenate([part for *_, part in parts])[first])
            for path, _, _ in parts:
                path.unlink(missing_ok=True)
                _vectors_of(path).unlink(missing_ok=True)

    def _write(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        path = self.folder / f"{uuid.uuid4().hex}.keys.npy"
        for target, array in ((_vectors_of(path), vectors), (path, keys)):
            with paths.replacing(target) as file:
                np.save(file, array, allow_pickle=False)

    def _parts(self, width: int) -> list[tuple[Path, np.ndarray, np.ndarray]]:
        """Returns file, keys and memory-mapped vectors of every whole part; damaged ones count as missing."""
        parts = []
        for path in sorted(self.folder.glob("*.keys.npy")):
            try:
                keys = np.load(path, allow_pickle=False)
                vectors = np.load(_vectors_of(path), mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError):
                continue
            if keys.dtype == "S64" and keys.ndim == 1 and len(keys) and vectors.shape == (len(keys), width):
                parts.append((path, keys, vectors))
        return parts


def _keys(digests: Sequence[str]) -> np.ndarray:
    return np.array([digest.encode("ascii") for digest in digests], "S64")


def _vectors_of(keys: Path) -> Path:
    return keys.with_name(keys.name.replace(".keys.", ".vectors."))

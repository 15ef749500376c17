"""Small word vectors and the cards of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tlzoo import paths, registry
from tlzoo.cards import BackboneCard
from tlzoo.sources import vector_files

WORDS = ["the", ".", "cat", "dog", "n't", "do", "well-known", "n’t", "école", "-", "art", "u.s."]
VECTORS = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
POOLS = {"mean": "glove_50d", "sif": "glove_50d_sif", "cnn": "glove_50d_cnn", "gru": "glove_50d_gru"}


def written(folder: Path, name: str = "v.vec") -> Path:
    vector_files.write(folder / name, WORDS, VECTORS)
    return folder / name


def card_of(path: Path, pool: str = "mean", **architecture: Any) -> BackboneCard:
    """Returns the shipped card with that pooling, over other vectors."""
    card = registry.backbones(paths.zoo_dir()).get(POOLS[pool])
    small = {"rows": len(WORDS) + 1, "width": 6, **architecture}
    update = {
        "name": "mine",
        "locator": f"file:{path}",
        "checksums": (),
        "architecture": {**card.architecture, **small},
        "tokenizer": card.tokenizer.model_copy(update={"options": {"lowercase": True}}),
    }
    return card.model_copy(update=update)

"""Cards: data about backbones and data sets, never code.

The models load when first used: those who only look at cards (see `glance`) do not wait for pydantic.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlzoo.cards.backbone import (
        Accuracy,
        BackboneCard,
        Checksum,
        InputSpec,
        Preprocessing,
        Pretraining,
        StageSpec,
        TokenizerSpec,
    )
    from tlzoo.cards.dataset import DatasetCard
    from tlzoo.cards.reader import read_card

__all__ = [
    "Accuracy",
    "BackboneCard",
    "Checksum",
    "DatasetCard",
    "InputSpec",
    "Preprocessing",
    "Pretraining",
    "StageSpec",
    "TokenizerSpec",
    "read_card",
]

_ELSEWHERE = {"DatasetCard": "dataset", "read_card": "reader"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tlzoo.cards' has no attribute '{name}'; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"tlzoo.cards.{_ELSEWHERE.get(name, 'backbone')}"), name)


def __dir__() -> list[str]:
    return __all__

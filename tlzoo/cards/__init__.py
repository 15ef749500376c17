"""Cards: data about backbones and data sets, never code."""

from tlzoo.cards.backbone import (
    Accuracy,
    BackboneCard,
    Checksum,
    InputSpec,
    Preprocessing,
    Pretraining,
    StageSpec,
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
    "read_card",
]

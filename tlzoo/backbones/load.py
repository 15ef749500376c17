"""The front door to backbones: by card or by name."""

from __future__ import annotations

from tlzoo import registry
from tlzoo.backbones.backbone import Backbone, build_backbone
from tlzoo.cards import BackboneCard
from tlzoo.plans import LongText


def load_backbone(
    backbone: str | BackboneCard,
    *,
    pretrained: bool = True,
    size: tuple[int, int] | None = None,
    length: int | None = None,
    long_text: LongText = "head",
    seed: int = 0,
) -> Backbone:
    """Loads a backbone by name or card.

    Args:
        backbone: Name of a card in the zoo, or a card.
        pretrained: False builds the same architecture with random weights.
        size: Height and width in pixels; by default the card's.
        length: Most tokens of a text; by default the card's.
        long_text: What becomes of longer texts: `head`, `head_tail` or `chunks`.
        seed: Of the random weights.

    Raises:
        UnknownNameError: No card has that name.
        UnreachableError: The weights are not here and cannot be fetched.

    Example:
        >>> backbone = load_backbone("mobilenet_v3_small", pretrained=False)
        >>> backbone.model.output_shape
        (None, 576)
    """
    card = registry.backbones().get(backbone) if isinstance(backbone, str) else backbone
    return build_backbone(
        card, pretrained=pretrained, size=size, length=length, long_text=long_text, seed=seed
    )

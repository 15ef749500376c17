"""What a backbone's features cost on this machine, measured when its engine was chosen. Imports no TensorFlow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tlzoo import paths


@dataclass(frozen=True)
class Cost:
    """What one example took.

    Attributes:
        milliseconds: Of the network alone, in batches; reading and decoding are left out.
        engine: What computed it.
        of: What an example was: `224 x 224 pixels`, `64 tokens`.
    """

    milliseconds: float
    engine: str
    of: str


def cost_of(card: Any) -> Cost | None:
    """Returns what a backbone's features took at its native size, the last time somebody measured it.

    Args:
        card: The backbone's card, or a glance of it.

    Returns:
        None where its engine was never chosen on this machine.

    Example:
        >>> cost_of(registry.backbones().get("efficientnet_lite0"))  # doctest: +SKIP
        Cost(milliseconds=8.5, engine='litert', of='224 x 224 pixels')
    """
    files = (paths.cache_dir() / "engines").glob(f"{card.name}-{'[0-9a-f]' * 16}/choice.json")
    for file in sorted(files, key=lambda each: -each.stat().st_mtime):
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
            of = _of(facts, card)
            if of:
                seconds = float(facts[f"{facts['engine']}_seconds"])
                return Cost(1000 * seconds / int(facts["examples"]), str(facts["engine"]), of)
        except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
            continue  # a measurement from before, or one being written
    return None


def _of(facts: dict[str, Any], card: Any) -> str:
    """Says what was measured; empty if it was another size than the card's, which says nothing of it."""
    if "length" in facts:
        return f"{int(facts['length'])} tokens"
    height, width = facts["size"]
    return f"{height} x {width} pixels" if [height, width] == list(card.input.size) else ""

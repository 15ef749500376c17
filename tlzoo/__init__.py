"""Transfer learning for Keras 3: curated backbones, uniform recipes, honest evidence, bundles that serve.

Importing `tlzoo` imports no TensorFlow; names are resolved when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlzoo.api import (
        adapt,
        at_hand,
        catalogue,
        clean,
        compare,
        deploy,
        explain_words,
        load,
        load_backbone,
        load_bundle,
        open_run,
        overview,
        plan,
        rank,
        read_table,
        resume,
        samples,
        search_index,
        shift,
        suggest,
        train,
        trust,
        tune,
        unpack,
        verdict,
    )

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "adapt",
    "at_hand",
    "catalogue",
    "clean",
    "compare",
    "deploy",
    "explain_words",
    "load",
    "load_backbone",
    "load_bundle",
    "open_run",
    "overview",
    "plan",
    "rank",
    "read_table",
    "resume",
    "samples",
    "search_index",
    "shift",
    "suggest",
    "train",
    "trust",
    "tune",
    "unpack",
    "verdict",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tlzoo import api

        return getattr(api, name)
    raise AttributeError(f"module 'tlzoo' has no attribute '{name}'; it has: {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__

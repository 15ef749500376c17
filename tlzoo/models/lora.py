"""Low-rank changes of kernels: enabled for a phase, merged when it ends, so that nothing after it knows of them.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv:2106.09685. Keras makes the variables
(`enable_lora`); here is which layers get them, that nothing else trains, and the way back.
"""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Collection, Iterator
from typing import Any

import keras

from tlzoo.backbones import keras_private
from tlzoo.backbones.backbone import Backbone
from tlzoo.errors import UsageError
from tlzoo.plans import Lora

ATTENTION = ("query", "value")
"""Projections that change by default: the paper's choice (§7.1), and KerasHub's."""

_KINDS = (keras.layers.Dense, keras.layers.EinsumDense, keras.layers.Conv2D)


def lora_targets(backbone: Backbone, stages: Collection[str], lora: Lora) -> dict[str, Any]:
    """Returns the layers that change, by their path.

    Args:
        backbone: The backbone.
        stages: Those that train.
        lora: Says which of their layers.

    Raises:
        UsageError: No layer is meant, or one that cannot change.
    """
    able = {path: layer for path, layer in _layers(backbone, stages) if isinstance(layer, _KINDS)}
    if lora.targets:
        found = {
            path: layer for path, layer in able.items() if any(_fits(path, glob) for glob in lora.targets)
        }
    else:
        attention = {path: layer for path, layer in able.items() if path.rpartition("/")[2] in ATTENTION}
        found = attention or able
    if not found:
        shown = ", ".join(list(able)[:20]) or "none in these stages"
        raise UsageError(
            f"{backbone.card.name}: {', '.join(lora.targets) or 'lora'} selects no layer of {', '.join(stages)}.",
            allowed=f"globs over the dense and convolution layers: {shown}{' …' if len(able) > 20 else ''}.",
            do="Change `targets`, or train more stages (`top=0`).",
        )
    return found


@contextlib.contextmanager
def low_rank(backbone: Backbone, stages: Collection[str], lora: Lora) -> Iterator[None]:
    """Lets nothing of the backbone train but low-rank changes, and merges those into the kernels at the end.

    Args:
        backbone: Its stages are trainable already.
        stages: Those that train.
        lora: Rank, scale and layers.

    Raises:
        UsageError: No layer is meant.
    """
    targets = list(lora_targets(backbone, stages, lora).values())
    for layer in targets:
        layer.enable_lora(lora.rank, lora_alpha=lora.alpha)
    changes = {id(each) for layer in targets for each in (layer.lora_kernel_a, layer.lora_kernel_b)}
    for variable in backbone.network.trainable_variables:
        variable.trainable = id(variable) in changes
    try:
        yield
    finally:
        for layer in targets:
            keras_private.end_lora(layer)
        backbone.train(stages)  # kernels and biases may train again


def _layers(backbone: Backbone, stages: Collection[str]) -> Iterator[tuple[str, keras.layers.Layer]]:
    seen: set[int] = set()
    for stage in backbone.stages:
        if stage.name not in stages:
            continue
        for layer in stage.layers:
            for path, part in [
                (layer.name, layer),
                *keras_private.walk(layer, f"{layer.name}/"),
            ]:
                if id(part) not in seen:
                    seen.add(id(part))
                    yield path, part


def _fits(path: str, glob: str) -> bool:
    return fnmatch.fnmatchcase(path, glob) or fnmatch.fnmatchcase(path.rpartition("/")[2], glob)

"""Models that compute in 16 bits: found, and made to compute in 32 for converters that know nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

_HALF = ("float16", "bfloat16")


def computes_in_half(model: keras.Model) -> bool:
    """Returns whether any layer of a model computes in 16 bits."""
    return any(layer.compute_dtype in _HALF for layer in _all_layers(model))


@contextlib.contextmanager
def in_float32(model: keras.Model) -> Iterator[None]:
    """Lets a mixed-precision model be traced in float32; its variables are float32 anyway.

    Args:
        model: Given its own precision back at the end.
    """
    mixed = [(layer, layer.dtype_policy) for layer in _all_layers(model) if layer.compute_dtype in _HALF]
    try:
        for layer, _ in mixed:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in mixed:
            layer.dtype_policy = policy


def _all_layers(model: keras.Model) -> list[keras.Layer]:
    # Keras shows the layers of models only; those inside of composite layers need this method.
    return list(model._flatten_layers(include_self=True, recursive=True))

"""The only place that reaches below Keras's public surface; each function says which gap it mends."""

from __future__ import annotations

import keras


def sub_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layers directly inside `layer`, in the order they were made, each once.

    Gap: `Model.layers` shows the top level of a model only, and a plain `Layer` that is composed of others (a
    transformer block, a Keras `Sequential` inside a block) shows its parts nowhere in public.

    Args:
        layer: Any layer or model.
    """
    found = layer._flatten_layers(include_self=False, recursive=False)
    return list({id(part): part for part in found}.values())


def walk(layer: keras.layers.Layer, prefix: str = "") -> list[tuple[str, keras.layers.Layer]]:
    """Returns every layer below `layer` with its path of layer names, parents before their parts.

    A layer that is shared appears at the first path that leads to it.

    Args:
        layer: Where to start; its own name is not part of the paths.
        prefix: Path that stands before the names.

    Example:
        >>> [path for path, _ in walk(keras.Sequential([keras.layers.Dense(2, name="a")]))]
        ['a']
    """
    found: dict[int, tuple[str, keras.layers.Layer]] = {}
    for part in sub_layers(layer):
        path = f"{prefix}{part.name}"
        found.setdefault(id(part), (path, part))
        for below, inner in walk(part, f"{path}/"):
            found.setdefault(id(inner), (below, inner))
    return list(found.values())


def leaf_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layers at the bottom of `layer`: those that hold no further layers, each once.

    Freezing needs them: a BatchNormalization inside a composite block keeps its moving statistics only when
    its own `trainable` is False.

    Args:
        layer: Any layer or model.
    """
    return [part for _, part in walk(layer) if not sub_layers(part)]


def end_lora(layer: keras.layers.Layer) -> None:
    """Merges what `enable_lora` added to a layer into its kernel, and removes it.

    Gap: Keras has `enable_lora` and no way back, and its layers would save, count and convert the added variables.

    Args:
        layer: A Dense, EinsumDense or Conv layer with LoRA enabled.
    """
    # Not `layer.kernel`, which in half precision is already rounded.
    change = keras.ops.matmul(layer.lora_kernel_a, layer.lora_kernel_b)
    layer._kernel.assign_add(layer.lora_alpha / layer.lora_rank * change)
    layer._kernel.trainable = True
    layer._tracker.unlock()
    for name in ("lora_kernel_a", "lora_kernel_b"):
        layer._untrack_variable(getattr(layer, name))
        delattr(layer, name)
    layer._tracker.lock()
    layer.lora_enabled, layer.lora_rank, layer.lora_alpha = False, None, None

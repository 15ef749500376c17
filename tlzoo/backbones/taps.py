"""What each stage of a backbone gives, noted while the backbone is called."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

import keras

from tlzoo.backbones.backbone import Backbone
from tlzoo.backbones.stages import tapped
from tlzoo.errors import UsageError
from tlzoo.sources.hub_parts import HubPart


def stage_taps(backbone: Backbone, stages: Collection[str] | None = None) -> dict[str, keras.Operation]:
    """Returns the layer or operation whose output closes each stage, stem first.

    Args:
        backbone: The backbone.
        stages: Names of the stages that are wanted; None for all.

    Raises:
        UsageError: The stages are parts of a TF Hub module, which gives nothing but its features.
    """
    found: dict[str, keras.Operation] = {}
    for spec, stage in zip(backbone.card.stages, backbone.stages, strict=True):
        if stages is not None and stage.name not in stages:
            continue
        if any(isinstance(layer, HubPart) for layer in stage.layers):
            raise UsageError(
                f"{backbone.card.name}: what stage '{stage.name}' gives cannot be seen: TF Hub modules are closed.",
                allowed="backbones from `pypi`, `keras-app`, `keras-hub` or `file`.",
                do="Use another backbone.",
            )
        found[stage.name] = tapped(backbone.network, spec) if spec.tap else stage.layers[-1]
    return found


@contextlib.contextmanager
def watching(taps: dict[str, keras.Operation]) -> Iterator[dict[str, Any]]:
    """Notes what operations give while they are called inside the context, wherever they are nested.

    A functional model cannot be cut open inside composite layers (a transformer's blocks), and computing features a
    second time would cost as much again. What is noted are tensors of the call: inside a `tf.function`, use them there.

    Args:
        taps: Operations by the name their output gets.

    Yields:
        Outputs by name, filled by the call; of an operation that is called more than once, the last.

    Example:
        >>> with watching(stage_taps(backbone)) as seen:  # doctest: +SKIP
        ...     features = backbone.model(pixels, training=False)
    """
    seen: dict[str, Any] = {}

    def noting(name: str, call: Any) -> Any:
        def noted(*arguments: Any, **options: Any) -> Any:
            outputs = call(*arguments, **options)
            seen[name] = outputs[0] if isinstance(outputs, tuple | list) else outputs
            return outputs

        return noted

    # Past Keras's own __setattr__, which would keep the function as part of the layer.
    for name, operation in taps.items():
        operation.__dict__["call"] = noting(name, operation.call)
    try:
        yield seen
    finally:
        for operation in taps.values():
            del operation.__dict__["call"]

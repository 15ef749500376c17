"""Stages: the ordered parts of a network, cut at block borders, by which it is frozen and tapped."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import keras

from tlzoo.backbones import keras_private
from tlzoo.cards import StageSpec
from tlzoo.errors import CardError
from tlzoo.sources.hub_layer import HubLayer

_BY_CLASS = re.compile(r"(?P<kind>\w+)\[(?P<index>-?\d+)\]")


@dataclass(frozen=True)
class Stage:
    """One part of a network.

    Attributes:
        name: What users call it.
        layers: Its layers, in the network's order. Where a layer is composed of others it stands here as a
            whole; setting its `trainable` reaches its parts.
    """

    name: str
    layers: tuple[keras.layers.Layer, ...]


def resolve_stages(network: keras.Model, specs: Sequence[StageSpec]) -> tuple[Stage, ...]:
    """Finds the layers of each stage; together the stages hold every weight of the network once.

    Args:
        network: A headless functional model.
        specs: Stem first. A `tap` names a top-level layer or operation, or `Class[index]` (`Activation[-1]`:
            the last Activation) where Keras numbers layers by what else the process has built. `members` are globs
            over layer paths (`encoder/block_0`, `encoder/block_*`); around a TF Hub module they were globs over the
            names of its variables, and the layer that holds it has a part for each stage already.

    Raises:
        CardError: A selector matches nothing, a stage is empty, a layer falls into two stages, or weights are
            left out; the error says what it could have matched.

    Example:
        >>> [stage.name for stage in resolve_stages(network, card.stages)]
        ['stem', 'conv2', 'conv3', 'conv4', 'conv5']
    """
    paths = keras_private.walk(network) if any(spec.members for spec in specs) else []
    taken: set[int] = set()
    stages = []
    for spec in specs:
        layers = (
            _ancestors(network, spec) if spec.tap else _parts(network, spec) or _matches(network, spec, paths)
        )
        if spec.tap:
            layers = [layer for layer in layers if id(layer) not in taken]
        _refuse_empty_or_twice(network, spec, layers, taken)
        taken.update(id(part) for layer in layers for part in _whole(layer))
        stages.append(Stage(spec.name, tuple(layers)))
    _refuse_left_over(network, stages)
    return tuple(stages)


def stage_outputs(network: keras.Model, specs: Sequence[StageSpec]) -> dict[str, keras.KerasTensor]:
    """Returns the symbolic output of every stage that has a tap, by stage name, stem first.

    Args:
        network: A headless functional model.
        specs: The card's stages. Those selected by `members` have no output of their own and are left out.

    Raises:
        CardError: No layer has the tap's name.

    Example:
        >>> pyramid = keras.Model(network.input, stage_outputs(network, card.stages))
    """
    return {spec.name: tapped(network, spec).output for spec in specs if spec.tap}


def tapped(network: keras.Model, spec: StageSpec) -> keras.Operation:
    """Returns the layer or operation that a stage's tap names.

    Args:
        network: A headless functional model.
        spec: One of the card's stages, with a tap.

    Raises:
        CardError: No layer has the tap's name.
    """
    tap = spec.tap or ""
    for operation in network.operations:
        if operation.name == tap:
            return operation
    if match := _BY_CLASS.fullmatch(tap):
        same = [operation for operation in network.operations if type(operation).__name__ == match["kind"]]
        index = int(match["index"])
        if -len(same) <= index < len(same):
            return same[index]
    names = [operation.name for operation in network.operations]
    close = difflib.get_close_matches(tap, names, n=5, cutoff=0.4) or names[-5:]
    raise CardError(
        f"{network.name}: stage '{spec.name}' taps '{tap}', and no layer is called that.",
        allowed=f"one of {len(names)} layers, for example {', '.join(close)}; or Class[index].",
        do="Mend the card's stages.",
    )


def _ancestors(network: keras.Model, spec: StageSpec) -> list[keras.layers.Layer]:
    """Returns the top-level layers that a tap's output depends on, the tap included."""
    return list(keras.Model(network.inputs, tapped(network, spec).output).layers)


def _parts(network: keras.Model, spec: StageSpec) -> list[keras.layers.Layer]:
    """Returns the part of a TF Hub module that was cut for a stage; empty where the network holds no such module."""
    modules = [layer for layer in network.layers if isinstance(layer, HubLayer) and layer.parts]
    fitting = [layer.part(spec.name) for layer in modules if layer.globs.get(spec.name) == spec.members]
    if modules and not fitting:
        cut = "; ".join(
            f"{name}: {', '.join(globs)}" for layer in modules for name, globs in layer.globs.items()
        )
        raise CardError(
            f"{network.name}: its module was not cut for stage '{spec.name}' of {', '.join(spec.members)}.",
            allowed=f"the stages it was cut for: {cut}.",
            do="Load the network from the card whose stages these are.",
        )
    return list(fitting)


def _matches(
    network: keras.Model, spec: StageSpec, paths: Iterable[tuple[str, keras.layers.Layer]]
) -> list[keras.layers.Layer]:
    """Returns the topmost layers whose paths match one of a stage's globs, each glob at least once."""
    layers: list[keras.layers.Layer] = []
    below: set[int] = set()
    for glob in spec.members:
        found = [(path, layer) for path, layer in paths if _fits(path, glob)]
        if not found:
            shown = ", ".join([path for path, _ in paths if path.count("/") < 2][:20])
            raise CardError(
                f"{network.name}: stage '{spec.name}' selects '{glob}', which matches no layer.",
                allowed=f"globs over layer paths such as {shown}.",
                do="Mend the card's stages.",
            )
        for _, layer in found:
            if id(layer) not in below:
                layers.append(layer)
                below.update(id(part) for part in _whole(layer))
    return layers


def _fits(path: str, glob: str) -> bool:
    """Matches part by part, so that `*` never crosses a slash."""
    parts, globs = path.split("/"), glob.split("/")
    return len(parts) == len(globs) and all(map(fnmatch.fnmatchcase, parts, globs))


def _whole(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and everything inside it."""
    return [layer, *(part for _, part in keras_private.walk(layer))]


def _refuse_empty_or_twice(
    network: keras.Model, spec: StageSpec, layers: list[keras.layers.Layer], taken: set[int]
) -> None:
    twice = [part.name for layer in layers for part in _whole(layer) if id(part) in taken]
    if twice:
        raise CardError(
            f"{network.name}: stage '{spec.name}' selects layers of an earlier stage: {', '.join(twice[:5])}.",
            allowed="every layer in one stage.",
            do="Mend the card's stages.",
        )
    if not layers:
        raise CardError(
            f"{network.name}: stage '{spec.name}' is empty: earlier stages hold everything '{spec.tap}' depends on.",
            allowed="stages ordered from stem to top, each with layers of its own.",
            do="Reorder or remove the stage.",
        )


def _refuse_left_over(network: keras.Model, stages: Sequence[Stage]) -> None:
    held = {id(weight) for stage in stages for layer in stage.layers for weight in layer.weights}
    left = [weight.path for weight in network.weights if id(weight) not in held]
    if left:
        last = stages[-1]
        raise CardError(
            f"{network.name}: the stages leave out {len(left)} of {len(network.weights)} weights: "
            f"{', '.join(left[:5])}{' …' if len(left) > 5 else ''}.",
            allowed=f"every weight in one stage; a last stage that taps the network's output "
            f"('{network.operations[-1].name}') takes all that stage '{last.name}' leaves.",
            do="Mend the card's stages.",
        )

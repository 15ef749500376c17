"""What training loss pays for leaving the pretrained network, as a layer around the backbone.

All of it is computed in float32, also where the network runs in half precision, and only while training: a validation
loss stays comparable between penalties, and with none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import keras

from tlzoo.backbones.backbone import Backbone
from tlzoo.backbones.taps import stage_taps, watching
from tlzoo.plans import Penalty


class Term(Protocol):
    """One penalty."""

    taps: Mapping[str, keras.Operation]
    """Operations whose outputs it wants to see, by name."""

    def __call__(self, inputs: Any, features: Any, maps: Mapping[str, Any]) -> Any:
        """Returns the penalty, a float32 scalar.

        Args:
            inputs: What the backbone ate.
            features: What it gave, float32 (b, d).
            maps: What the tapped operations gave.
        """


class Penalised(keras.layers.Layer):
    """A backbone that adds a penalty to the loss while it trains, and is the plain backbone otherwise.

    Args:
        model: From what the backbone eats to features.
        term: The penalty.
    """

    def __init__(self, model: keras.layers.Layer, term: Term) -> None:
        # Its inputs are pixels or tokens, which no half precision may touch; the network has its own policy.
        super().__init__(dtype="float32", name="penalised")
        self.model = model
        self._term = term

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the features (b, d)."""
        if not training:
            return self.model(inputs, training=training)
        with watching(dict(self._term.taps)) as maps:
            features = self.model(inputs, training=training)
        self.add_loss(self._term(inputs, features, maps))
        return features


class StartingPoint:
    """L2-SP: half the squared distance of weights from where they started.

    Li, Grandvalet, Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", ICML 2018,
    arXiv:1802.01483, eq. 2 and 3 (the head pays its own norm).

    Args:
        pairs: Variables that train, each with the one that keeps its pretrained value.
        strength: What the distance is multiplied with.
    """

    def __init__(self, pairs: Sequence[tuple[Any, Any]], strength: float) -> None:
        self.taps: Mapping[str, keras.Operation] = {}
        self._pairs, self._strength = list(pairs), strength

    def __call__(self, inputs: Any, features: Any, maps: Mapping[str, Any]) -> Any:
        """Returns the penalty."""
        return self._strength * half_squares(
            # Read from a variable: a constant would become part of the graph, which may not have 2 GB.
            variable.value - start.value
            for variable, start in self._pairs
        )


class FeatureMaps:
    """DELTA: half the squared distance of feature maps from those of the pretrained network.

    Li et al., "DELTA: Deep Learning Transfer using Feature Map with Attention for Convolutional Networks", ICLR 2019,
    arXiv:1901.09229. Every channel counts alike: the paper's attention, which weighs a channel by what its removal
    costs, needs a trained classifier and a pass per filter first, and is not made. Squares are summed over channels
    and averaged over positions (those where a short text is padded included) and examples.

    Args:
        backbone: The network that trains.
        source: The network as it was pretrained; it stays so.
        stages: Those whose outputs are compared.
        strength: What the distance is multiplied with.
    """

    def __init__(self, backbone: Backbone, source: Backbone, stages: Sequence[str], strength: float) -> None:
        self.taps: Mapping[str, keras.Operation] = stage_taps(backbone, stages)
        self._source, self._taps, self._strength = source.model, stage_taps(source, stages), strength

    def __call__(self, inputs: Any, features: Any, maps: Mapping[str, Any]) -> Any:
        """Returns the penalty."""
        with watching(self._taps) as before:
            self._source(inputs, training=False)
        return self._strength * sum(map_distance(maps[name], before[name]) for name in maps)


class SmallestSingularValues:
    """BSS: the squared smallest singular values of a batch's features.

    Chen et al., "Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for Safe Transfer Learning",
    NeurIPS 2019, eq. 4.

    Args:
        smallest: How many of them.
        strength: What their sum is multiplied with.
    """

    def __init__(self, smallest: int, strength: float) -> None:
        self.taps: Mapping[str, keras.Operation] = {}
        self._smallest, self._strength = smallest, strength

    def __call__(self, inputs: Any, features: Any, maps: Mapping[str, Any]) -> Any:
        """Returns the penalty."""
        return self._strength * smallest_squares(keras.ops.cast(features, "float32"), self._smallest)


class WithHead:
    """A penalty, and half the squared norm of the head beside it.

    Args:
        term: The penalty.
        head: The head; it is built by the time this is called.
        strength: What its half squared norm is multiplied with.
    """

    def __init__(self, term: Term, head: keras.layers.Layer, strength: float) -> None:
        self.taps = term.taps
        self._term, self._head, self._strength = term, head, strength

    def __call__(self, inputs: Any, features: Any, maps: Mapping[str, Any]) -> Any:
        """Returns both."""
        norm = half_squares(variable.value for variable in self._head.trainable_variables)
        return self._term(inputs, features, maps) + self._strength * norm


def make_penalty(
    penalty: Penalty,
    backbone: Backbone,
    source: Backbone | None,
    stages: Sequence[str],
    head: keras.layers.Layer,
) -> Term:
    """Returns what a plan's penalty computes.

    Args:
        penalty: Of a phase.
        backbone: The one that trains, frozen as it will be.
        source: The same as it was pretrained; None for penalties that do not look at it.
        stages: Those that train.
        head: The head that will stand on the backbone.
    """
    term: Term
    if penalty.kind == "bss" or source is None:
        term = SmallestSingularValues(penalty.smallest, penalty.strength)
    elif penalty.kind == "delta":
        term = FeatureMaps(backbone, source, stages, penalty.strength)
    else:
        moving = {id(variable) for variable in backbone.network.trainable_variables}
        both = zip(backbone.network.weights, source.network.weights, strict=True)
        pairs = [(mine, theirs) for mine, theirs in both if id(mine) in moving]
        term = StartingPoint(pairs, penalty.strength)
    return WithHead(term, head, penalty.head) if penalty.head else term


def half_squares(tensors: Any) -> Any:
    """Returns half the sum of all squares of some tensors, a float32 scalar."""
    ops = keras.ops
    return 0.5 * sum(ops.sum(ops.square(ops.cast(tensor, "float32"))) for tensor in tensors)


def map_distance(mine: Any, theirs: Any) -> Any:
    """Returns half the squared distance of maps (b, …, c): summed over channels, averaged over all else.

    Args:
        mine: Maps of the network that trains.
        theirs: Those of the other; no gradient goes there.
    """
    ops = keras.ops
    difference = ops.cast(mine, "float32") - ops.stop_gradient(ops.cast(theirs, "float32"))
    return 0.5 * ops.mean(ops.sum(ops.square(difference), axis=-1))


def smallest_squares(features: Any, smallest: int) -> Any:
    """Returns the sum of the squares of the smallest singular values of features float32 (b, d), b or d of them in all.

    The left singular vectors are taken as constants: uᵀFFᵀu has the very gradient of σ², without the differences of
    eigenvalues by which that of a decomposition divides.

    Args:
        features: (b, d).
        smallest: How many; at most min(b, d) count.
    """
    ops = keras.ops
    left, _, _ = ops.svd(ops.stop_gradient(features), full_matrices=False)
    return ops.sum(ops.square(ops.matmul(ops.transpose(left[:, -smallest:]), features)))

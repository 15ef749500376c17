"""Engines for texts: the backbone's graph as TensorFlow runs it, rewritten for inference, or compiled by XLA.

XLA fuses a transformer's many small steps but compiles anew for every shape, so it is fed few different ones. Which
is fastest depends on network and machine: measured once per backbone, checked for parity, remembered.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tlzoo import paths
from tlzoo.backbones.backbone import Backbone
from tlzoo.backbones.encoder import PADDING
from tlzoo.features.engines import TOLERANCE, difference_of, machine_key, seconds_of
from tlzoo.features.fused import fused

PROBE = (32, 64)
"""Texts and tokens of the batch on which engines are timed."""

RUNS = 3
"""Times that each runs; the best counts."""

WORTH = 1.25
"""How much faster XLA must be before it is chosen: it compiles for seconds at every new shape."""

TOLERANCES = {"fused": 1e-5, "xla": TOLERANCE}
"""Largest difference from `graph` that counts as the same, relative to the features' largest value."""


class TextEngine(Protocol):
    """Computes features of batches of tokens."""

    name: str
    multiple: int

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Turns tokens int32 (n, t), or byte strings (n,), into float32 features (n, d)."""
        ...


def _graph(model: keras.Model, spec: tf.TensorSpec) -> Callable[[tf.Tensor], tf.Tensor]:
    @tf.function(input_signature=[spec], jit_compile=False)
    def forward(inputs: tf.Tensor) -> tf.Tensor:
        return model(inputs, training=False)

    return forward


class GraphTextEngine:
    """The backbone's own graph as one `tf.function`."""

    name = "graph"
    multiple = 1

    def __init__(self, backbone: Backbone) -> None:
        strings = backbone.encoder is None
        spec = tf.TensorSpec((None,), tf.string) if strings else tf.TensorSpec((None, None), tf.int32)
        self._forward = _graph(backbone.model, spec)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Turns tokens int32 (n, t), or byte strings (n,), into float32 features (n, d)."""
        return self._forward(tf.constant(inputs)).numpy()


class FusedTextEngine:
    """The backbone's graph with transformer blocks written for inference, their weights as constants.

    Raises:
        UsageError: It does not understand the network.
    """

    name = "fused"
    multiple = 1

    def __init__(self, backbone: Backbone) -> None:
        self._forward = _graph(fused(backbone), tf.TensorSpec((None, None), tf.int32))

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Turns tokens int32 (n, t) into float32 features (n, d)."""
        return self._forward(tf.constant(inputs)).numpy()


class XlaTextEngine:
    """The backbone compiled by XLA, once for each shape it meets.

    Tokens are padded to multiples of 16, and texts to powers of two: a compilation costs more than the padding.
    """

    name = "xla"
    multiple = 16

    def __init__(self, backbone: Backbone) -> None:
        self._forward = tf.function(
            lambda tokens: backbone.model(tokens, training=False), jit_compile=True, autograph=False
        )

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Turns tokens int32 (n, t) into float32 features (n, d)."""
        count = len(inputs)
        full = 1 << max(count - 1, 0).bit_length()
        padded = np.full((full, inputs.shape[1]), -1, np.int32)
        padded[:count] = inputs
        # Asked for by its shape: TensorFlow takes calls with many shapes for a mistake, and warns.
        forward = self._forward.get_concrete_function(tf.TensorSpec(padded.shape, tf.int32))
        return forward(tf.constant(padded)).numpy()[:count]


ENGINES: dict[str, Callable[[Backbone], TextEngine]] = {
    "graph": GraphTextEngine,
    "fused": FusedTextEngine,
    "xla": XlaTextEngine,
}
"""The first is what the others are checked against."""


def choose_text_engine(backbone: Backbone, name: str = "auto") -> TextEngine:
    """Returns the fastest engine that gives this backbone's features on this machine.

    Args:
        backbone: The backbone, whose weights must not change afterwards (`graph` takes them as they are).
        name: `auto`, or one of `ENGINES` to insist; a network of strings has only `graph`.

    Raises:
        UsageError: `fused` was insisted on, and it does not understand the network.
    """
    if backbone.encoder is None:
        return GraphTextEngine(backbone)
    if name != "auto":
        return ENGINES[name](backbone)
    choice = paths.cache_dir() / "engines" / machine_key(backbone) / "choice.json"
    kept = json.loads(choice.read_text(encoding="utf-8")) if choice.is_file() else {}
    if kept.get("measured") != list(ENGINES):
        kept = _measured(backbone)
        paths.write_json(choice, kept)
    return ENGINES[kept["engine"]](backbone)


def _measured(backbone: Backbone) -> dict[str, Any]:
    tokens = _probe(backbone)
    graph = GraphTextEngine(backbone)
    expected = graph(tokens)
    facts: dict[str, Any] = {
        "backbone": backbone.card.name,
        "measured": list(ENGINES),
        "length": tokens.shape[1],
        "examples": len(tokens),
    }
    costs = {"graph": seconds_of(graph, tokens, RUNS)}
    for name, build in ENGINES.items():
        if name == "graph":
            continue
        try:
            engine = build(backbone)
            got = engine(tokens)
        except Exception as error:
            facts[f"{name}_refused"] = f"{type(error).__name__}: {error}"[:500]
            continue
        difference = difference_of(got, expected)
        facts[f"{name}_difference"] = difference
        seconds = seconds_of(engine, tokens, RUNS)
        facts[f"{name}_seconds"] = seconds
        if difference <= TOLERANCES[name]:
            costs[name] = seconds * (WORTH if name == "xla" else 1)
    return facts | {"graph_seconds": costs["graph"], "engine": min(costs, key=costs.__getitem__)}


def _probe(backbone: Backbone) -> np.ndarray:
    """Returns tokens int32 (n, t) of random texts, some of which end early."""
    assert backbone.encoder is not None  # noqa: S101 - those without are never measured
    random = np.random.default_rng(0)
    width = min(PROBE[1], backbone.encoder.length)
    tokens = random.integers(0, backbone.encoder.tokenizer.size, (PROBE[0], width), dtype=np.int32)
    ends = random.integers(width // 2, width, PROBE[0], endpoint=True)
    ends[0] = width
    tokens[np.arange(width) >= ends[:, None]] = PADDING
    return tokens

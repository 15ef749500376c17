"""Engines compute features of a frozen backbone: a plain `tf.function`, or LiteRT with XNNPACK.

Which one is faster depends on the network and the machine, so it is measured once per backbone, checked for
parity, and remembered in the cache.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from tlzoo import paths
from tlzoo.backbones.backbone import Backbone
from tlzoo.backbones.weights import weights_digest
from tlzoo.features.litert import LiteRTEngine, convert

log = logging.getLogger("tlzoo")

CONVERTED = "features.tflite"

TOLERANCE = 2e-3
"""Largest difference between engines that counts as the same, relative to the features' largest value."""


class Engine(Protocol):
    """Computes features for batches of any length up to `batch_size`."""

    name: str
    batch_size: int

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Turns uint8 pixels (n, h, w, 3) into float32 features (n, d)."""
        ...


class GraphEngine:
    """The backbone's own graph as one `tf.function`."""

    name = "graph"

    def __init__(self, backbone: Backbone, batch_size: int = 16) -> None:
        self.batch_size = batch_size
        spec = tf.TensorSpec((None, *backbone.size, 3), tf.uint8)

        @tf.function(input_signature=[spec], jit_compile=False)
        def forward(pixels: tf.Tensor) -> tf.Tensor:
            return backbone.model(tf.cast(pixels, tf.float32), training=False)

        self._forward = forward

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Turns uint8 pixels (n, h, w, 3) into float32 features (n, d)."""
        return self._forward(tf.constant(pixels)).numpy()


def choose_engine(backbone: Backbone, name: str = "auto") -> Engine:
    """Returns the fastest engine that gives this backbone's features on this machine.

    The first call for a backbone converts it, checks that both engines agree on a batch, times both, and
    remembers the winner in `cache_dir()/engines`.

    Args:
        backbone: The backbone, whose weights must not change afterwards.
        name: `auto`, or `graph` / `litert` to insist.

    Returns:
        An engine. LiteRT that cannot convert the network, or disagrees, is never chosen by `auto`.
    """
    if name == "graph":
        return GraphEngine(backbone)
    folder = paths.cache_dir() / "engines" / machine_key(backbone)
    if name == "litert":
        return LiteRTEngine(_converted(backbone, folder))
    choice = folder / "choice.json"
    if choice.is_file() and json.loads(choice.read_text())["engine"] == "litert":
        return LiteRTEngine(_converted(backbone, folder))
    if choice.is_file():
        return GraphEngine(backbone)
    return _measure(backbone, folder, choice)


def _measure(backbone: Backbone, folder: Path, choice: Path) -> Engine:
    graph = GraphEngine(backbone)
    pixels = np.random.default_rng(0).integers(0, 256, (graph.batch_size, *backbone.size, 3), dtype=np.uint8)
    expected = graph(pixels)
    facts: dict[str, object] = {
        "backbone": backbone.card.name,
        "size": list(backbone.size),
        "examples": len(pixels),
        "graph_seconds": seconds_of(graph, pixels),
    }
    best: Engine = graph
    try:
        litert = LiteRTEngine(_converted(backbone, folder))
        got = litert(pixels)
    except Exception as error:
        facts["litert_refused"] = f"{type(error).__name__}: {error}"[:500]
    else:
        difference = difference_of(got, expected)
        facts |= {"litert_difference": difference, "litert_seconds": seconds_of(litert, pixels)}
        if difference <= TOLERANCE and facts["litert_seconds"] < facts["graph_seconds"]:  # type: ignore[operator]
            best = litert
    paths.write_json(choice, facts | {"engine": best.name})
    return best


def difference_of(found: np.ndarray, expected: np.ndarray) -> float:
    """Returns the largest difference between features, relative to the largest value of those expected."""
    return float(np.abs(found - expected).max() / max(float(np.abs(expected).max()), 1e-6))


def seconds_of(engine: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray, runs: int = 2) -> float:
    """Returns the best of some timed runs, after the warm one that gave the parity check."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        engine(inputs)
        times.append(time.perf_counter() - start)
    return min(times)


def _converted(backbone: Backbone, folder: Path) -> Path:
    path = folder / CONVERTED
    if not path.is_file():
        paths.write_bytes(path, convert(backbone))
    return path


def network_file(backbone: Backbone) -> bytes | None:
    """Returns a backbone as a LiteRT file, with the weights it has now.

    Args:
        backbone: Of images. Where it still is as it was pretrained, the file may be at hand.

    Returns:
        The flatbuffer, from float32 pixels (1, h, w, 3) to features (1, d); None if LiteRT cannot have the network.
    """
    digest = weights_digest(backbone.model.weights)
    at_hand = paths.cache_dir() / "engines" / machine_key(backbone, digest) / CONVERTED
    if at_hand.is_file():
        return at_hand.read_bytes()
    try:
        return convert(backbone)
    except Exception as error:  # The converter raises whatever its passes raise.
        log.info("%s stays a graph: %s", backbone.card.name, str(error).strip().partition("\n")[0])
        return None


def machine_key(backbone: Backbone, digest: str = "") -> str:
    """Returns what a measured engine is remembered by: the network, its weights, and this machine.

    Args:
        backbone: The network.
        digest: Of its weights; by default as they were when first asked for.
    """
    machine = f"{platform.machine()}-{os.cpu_count()}-{_cpu_model()}-tf{tf.__version__}"
    text = f"1|{digest or backbone.weights_hash}|{backbone.size}|{backbone.card.preprocessing}|{machine}"
    return f"{backbone.card.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")

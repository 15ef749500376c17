"""Keeps a bundle's network as a LiteRT file too, where that is the same and quicker (see `tlzoo.lite_network`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tlzoo import paths
from tlzoo.bundle import NETWORK_FILE, NetworkFacts
from tlzoo.export.exportable import Exportable
from tlzoo.export.precision import computes_in_half
from tlzoo.export.signatures import Endpoint
from tlzoo.export.verify import TOLERANCE, Reference, differences_of
from tlzoo.lite_network import AFTER, BEFORE, LiteNetwork

ROUNDS = 3
"""Turns that graph and file take while they are timed; the best of each counts."""


def fits_lite(exportable: Exportable) -> bool:
    """Returns whether a file could stand for the network: one of images, in float32, whose head is known apart."""
    half = computes_in_half(exportable.model) or computes_in_half(exportable.features)
    return exportable.front.direct == "pixels" and exportable.head is not None and not half


def hang_halves(root: tf.Module, asked: Iterable[Endpoint], exportable: Exportable) -> None:
    """Hangs what comes before and after the network on the root, for TensorFlow to save beside the signatures.

    Args:
        root: What is saved.
        asked: The endpoints.
        exportable: Gives the width of features.
    """
    features = tf.TensorSpec((None, exportable.features.output_shape[-1]), tf.float32)
    for one in asked:
        if one.after is not None:
            before = tf.function(one.before, input_signature=[one.spec], autograph=False)
            setattr(root, BEFORE + one.name, before)
            setattr(
                root, AFTER + one.name, tf.function(one.after, input_signature=[features], autograph=False)
            )


def keep_if_good(
    content: bytes, folder: Path, exportable: Exportable, reference: Reference, loaded: Any
) -> NetworkFacts | None:
    """Writes the file into a version folder, and takes it away again unless it is right and quicker.

    Args:
        content: The LiteRT file.
        folder: The version folder.
        exportable: What was exported.
        reference: What the model in memory answers.
        loaded: What `tf.saved_model.load` gave.

    Returns:
        How it did, or None if it was taken away.
    """
    file = folder / NETWORK_FILE
    paths.write_bytes(file, content)
    network = LiteNetwork(file, loaded, loaded.signatures)
    differences = differences_of(lambda name, given: network.run(name, given.numpy()), exportable, reference)
    worst = max(differences.values())
    if all(one <= TOLERANCE for one in differences.values()):  # false for what is no number too
        ours, graph = _timed(network, exportable, loaded)
        if ours < graph:
            return NetworkFacts(max_difference=worst, milliseconds=1e3 * ours, graph_milliseconds=1e3 * graph)
    file.unlink()
    return None


def _timed(network: LiteNetwork, exportable: Exportable, loaded: Any) -> tuple[float, float]:
    """Returns seconds for one example, with the file and without; both have been called before."""
    sample = tf.constant(exportable.samples[:1], tf.string)
    signature = loaded.signatures["serving_default"]
    given = {exportable.front.raw: sample}
    rows = sample.numpy()
    signature(**given)  # the graph of one example may be another than that of several
    turns = [
        (_seconds(lambda: network.run("serving_default", rows)), _seconds(lambda: signature(**given)))
        for _ in range(ROUNDS)
    ]
    return min(ours for ours, _ in turns), min(graph for _, graph in turns)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started

"""Runs the signatures of a bundle with their network under LiteRT, which takes half the time a graph does.

A bundle may hold its network, from what it eats to features, as a LiteRT file too, and of each signature what comes
before and after it as functions of the SavedModel's root (`before_<signature>`, `after_<signature>`). TensorFlow
Serving sees neither; whoever loads the bundle in Python can put the three together again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from tlzoo.bundle import NETWORK_FILE, BundleFacts, sha256

BEFORE, AFTER = "before_", "after_"


class LiteNetwork:
    """The network of one loaded bundle, ready for calls from several threads at once.

    Rows are computed one by one, each on one core, as many at a time as there are cores: XNNPACK is quickest where a
    whole image stays in the processor's cache, and requests need not wait for each other.

    Args:
        file: The LiteRT file.
        loaded: What `tf.saved_model.load` gave.
        keys: Signatures; those that were not exported in halves are left out.
        threads: Rows at a time; by default one for each processor.

    Example:
        >>> network = LiteNetwork.of(folder, facts, tf.saved_model.load(str(folder)))  # doctest: +SKIP
        >>> network.run("serving_default", np.array([photo], object))["label"]  # doctest: +SKIP
        array([b'cat'], dtype=object)
    """

    def __init__(self, file: Path, loaded: Any, keys: Iterable[str], threads: int = 0) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._halves = {key: found for key in keys if (found := _halves(loaded, key)) is not None}
        count = threads or os.cpu_count() or 1
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(count):
            interpreter = Interpreter(model_path=str(file), num_threads=1)
            interpreter.allocate_tensors()
            self._free.put(interpreter)
        self._input = interpreter.get_input_details()[0]["index"]
        self._output = interpreter.get_output_details()[0]["index"]
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="tlzoo-network")

    @classmethod
    def of(cls, folder: Path, facts: BundleFacts, loaded: Any) -> LiteNetwork | None:
        """Returns the network of a version folder, or None where it has none that is as it was exported.

        Args:
            folder: The version folder.
            facts: Its description.
            loaded: What `tf.saved_model.load` gave.
        """
        file = folder / NETWORK_FILE
        if facts.network is None or not file.is_file() or facts.checksums.get(NETWORK_FILE) != sha256(file):
            return None
        return cls(file, loaded, facts.signatures)

    def takes(self, key: str, rows: np.ndarray) -> bool:
        """Returns whether a signature can be computed here for these inputs; the graph is there for the others."""
        halves = self._halves.get(key)
        return halves is not None and rows.ndim == halves[2] and len(rows) > 0

    def run(self, key: str, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Computes all outputs of a signature.

        Args:
            key: A signature that `takes` these rows.
            rows: Its only input (n, …).

        Returns:
            Arrays (n, …) by output.

        Raises:
            tf.errors.OpError: Rows that the graph would refuse too.
        """
        import tensorflow as tf

        before, after, _ = self._halves[key]
        if len(rows) == 1:
            features = self._features(before, rows)
        else:
            singly = (rows[at : at + 1] for at in range(len(rows)))
            features = np.concatenate(list(self._pool.map(lambda row: self._features(before, row), singly)))
        return {name: value.numpy() for name, value in after(tf.constant(features)).items()}

    def _features(self, before: Callable[[Any], Any], row: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        eaten = before(tf.constant(row)).numpy()
        interpreter = self._free.get()
        try:
            interpreter.set_tensor(self._input, eaten)
            interpreter.invoke()
            return np.asarray(interpreter.get_tensor(self._output))
        finally:
            self._free.put(interpreter)


def _halves(loaded: Any, key: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any], int] | None:
    """Returns what is before and after the network, and the rank of what goes in."""
    before, after = (getattr(loaded, f"{half}{key}", None) for half in (BEFORE, AFTER))
    if before is None or after is None:
        return None
    # What was traced is called without looking for the trace that fits, since there is one.
    (first,), (last,) = before.concrete_functions, after.concrete_functions
    return first, last, first.inputs[0].shape.rank

"""The LiteRT engine: a backbone converted once, run by XNNPACK on all cores."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tlzoo.backbones.backbone import Backbone


class LiteRTEngine:
    """A converted backbone.

    Args:
        path: A `.tflite` file that `convert` wrote.
        batch_size: Images a call; small batches stay in the processor's cache.
        threads: Threads of the interpreter; by default one per core.
    """

    name = "litert"

    def __init__(self, path: Path, batch_size: int = 8, threads: int | None = None) -> None:
        self.batch_size = batch_size
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads or os.cpu_count() or 1)
        self._resize(batch_size)

    def _resize(self, count: int) -> None:
        detail = self._interpreter.get_input_details()[0]
        self._interpreter.resize_tensor_input(detail["index"], (count, *detail["shape"][1:]))
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._count = count

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Turns uint8 pixels (n, h, w, 3) into float32 features (n, d)."""
        parts = [
            self._run(pixels[at : at + self.batch_size]) for at in range(0, len(pixels), self.batch_size)
        ]
        return np.concatenate(parts)

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        short = self._count - len(pixels)
        if short:
            pixels = np.concatenate([pixels, np.zeros((short, *pixels.shape[1:]), pixels.dtype)])
        self._interpreter.set_tensor(self._input, pixels.astype(np.float32))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[: self._count - short]


def convert(backbone: Backbone) -> bytes:
    """Converts a backbone to a LiteRT flatbuffer in float32.

    Args:
        backbone: From float32 pixels (b, h, w, 3) to features (b, d).

    Returns:
        The flatbuffer.
    """
    holder = tf.Module()
    # Without a holder that tracks them, the converter writes a file whose variables are never initialised.
    holder.variables_kept = [variable.value for variable in backbone.model.variables]
    holder.forward = tf.function(lambda pixels: {"features": backbone.model(pixels, training=False)})
    spec = tf.TensorSpec((1, *backbone.size, 3), tf.float32)
    concrete = holder.forward.get_concrete_function(spec)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], holder).convert()

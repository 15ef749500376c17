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

    It computes one image a call: XNNPACK runs all cores inside an image, and larger batches fall out of the
    processor's cache (EfficientNet-Lite0 on 2 cores: 132 images/s one by one, 83 by eight, 63 by sixteen).

    Args:
        path: A `.tflite` file that `convert` wrote.
        threads: Threads of the interpreter; by default one per core.
    """

    name = "litert"
    batch_size = 16

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads or os.cpu_count() or 1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Turns uint8 pixels (n, h, w, 3) into float32 features (n, d)."""
        return np.concatenate([self._run(image[None].astype(np.float32)) for image in pixels])

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._input, pixels)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)


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

"""Asks what was written the same questions as the model in memory, and compares the answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tlzoo.bundle import ParityFacts
from tlzoo.data import images
from tlzoo.errors import ParityError
from tlzoo.export.exportable import Exportable
from tlzoo.export.signatures import example

TOLERANCE = 1e-4
"""Allowed difference in float32: the graph optimiser fuses and reorders sums, nothing more."""

HALF_TOLERANCE = 2e-2
"""Allowed difference when the model computes in 16 bits."""


@dataclass(frozen=True)
class _Reference:
    """What the model in memory answers: pixels (n, h, w, 3), probabilities (n, c), features (n, d)."""

    pixels: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray
    class_names: np.ndarray


def check_parity(folder: Path, exportable: Exportable) -> ParityFacts:
    """Loads a written version and compares every signature with the model in memory, on the sample images.

    Args:
        folder: The version folder.
        exportable: What was exported.

    Returns:
        What was compared, and the largest difference.

    Raises:
        ParityError: A signature differs by more than the tolerance, or names another label.
    """
    reference = _reference(exportable)
    signatures = tf.saved_model.load(str(folder)).signatures
    tolerance = _tolerance(exportable)
    differences = {
        "serving_default": _differs(signatures["serving_default"], _strings(exportable.samples), reference),
        "pixels": _differs(signatures["pixels"], tf.constant(reference.pixels), reference),
        "features": _features_differ(signatures["features"], _strings(exportable.samples), reference),
        "classify": _ranking_differs(signatures["classify"], _examples(exportable.samples), reference),
    }
    for name, difference in differences.items():
        # Written so that a difference that is not a number fails too.
        if not difference <= tolerance:
            raise ParityError(
                f"Signature '{name}' of the export differs from the model by {difference:.3g}.",
                allowed=f"differences up to {tolerance:g} on the {len(exportable.samples)} sample images.",
                do="Check that the model has no randomness outside of training; nothing was published.",
            )
    return ParityFacts(
        checked=tuple(differences),
        max_difference=max(differences.values()),
        tolerance=tolerance,
        n=len(exportable.samples),
        passed=True,
    )


def _tolerance(exportable: Exportable) -> float:
    half = _computes_in_half(exportable.model) or _computes_in_half(exportable.features)
    return HALF_TOLERANCE if half else TOLERANCE


def _computes_in_half(layer: keras.Layer) -> bool:
    inside = getattr(layer, "layers", ())
    return layer.compute_dtype in ("float16", "bfloat16") or any(_computes_in_half(one) for one in inside)


def _reference(exportable: Exportable) -> _Reference:
    pixels = images.decode_batch(_strings(exportable.samples), exportable.size, exportable.resize)
    pixels = tf.cast(pixels, tf.float32)
    logits = tf.cast(exportable.model(pixels, training=False), tf.float32)
    return _Reference(
        pixels=pixels.numpy(),
        probabilities=tf.nn.softmax(logits / exportable.temperature).numpy(),
        features=keras.ops.convert_to_numpy(exportable.features(pixels, training=False)).astype(np.float32),
        class_names=np.array([name.encode() for name in exportable.class_names], object),
    )


def _strings(samples: tuple[bytes, ...]) -> tf.Tensor:
    return tf.constant(list(samples), tf.string)


def _examples(samples: tuple[bytes, ...]) -> tf.Tensor:
    return tf.constant([example(sample) for sample in samples], tf.string)


def _differs(signature: tf.types.experimental.ConcreteFunction, given: tf.Tensor, expected: _Reference) -> float:
    answer = {name: tensor.numpy() for name, tensor in _call(signature, given).items()}
    best = answer["probabilities"].argmax(axis=-1)
    if (answer["label"] != expected.class_names[best]).any():
        return float("inf")
    return max(
        _largest(answer["probabilities"], expected.probabilities),
        _largest(answer["score"], expected.probabilities.max(axis=-1)),
    )


def _ranking_differs(signature: tf.types.experimental.ConcreteFunction, given: tf.Tensor, expected: _Reference) -> float:
    answer = {name: tensor.numpy() for name, tensor in _call(signature, given).items()}
    if (np.diff(answer["scores"], axis=-1) > 0).any():
        return float("inf")
    # Sorted back into label order by name, ties and near ties cannot look like differences.
    back = np.argsort(np.argsort(expected.class_names, kind="stable"), kind="stable")
    order = np.argsort(answer["classes"], axis=-1, kind="stable")[:, back]
    if (np.take_along_axis(answer["classes"], order, axis=-1) != expected.class_names).any():
        return float("inf")
    return _largest(np.take_along_axis(answer["scores"], order, axis=-1), expected.probabilities)


def _features_differ(signature: tf.types.experimental.ConcreteFunction, given: tf.Tensor, expected: _Reference) -> float:
    return _largest(_call(signature, given)["features"].numpy(), expected.features)


def _call(signature: tf.types.experimental.ConcreteFunction, given: tf.Tensor) -> dict[str, tf.Tensor]:
    (name,) = signature.structured_input_signature[1]
    return signature(**{name: given})


def _largest(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape or found.dtype != np.float32:
        return float("inf")
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found - expected).max()) / scale

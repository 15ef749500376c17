"""Asks what was written the same questions as the model in memory, and compares the answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlzoo.bundle import ParityFacts
from tlzoo.errors import ParityError
from tlzoo.export.exportable import Exportable
from tlzoo.export.precision import computes_in_half
from tlzoo.export.signatures import example, sample_pixels

Answer = dict[str, np.ndarray]
Signatures = Mapping[str, Any]

TOLERANCE = 1e-4
"""Allowed difference in float32: the graph optimiser fuses and reorders sums, nothing more."""

HALF_TOLERANCE = 2e-2
"""Allowed difference when the model computes in 16 bits."""


@dataclass(frozen=True)
class Reference:
    """What the model in memory answers.

    Attributes:
        pixels: float32 (n, h, w, 3), the decoded sample images.
        probabilities: float32 (n, c).
        features: float32 (n, d).
        class_names: UTF-8, (c,).
    """

    pixels: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray
    class_names: np.ndarray


def check_parity(folder: Path, exportable: Exportable, expected: Reference | None = None) -> ParityFacts:
    """Loads a written version and compares every signature with the model in memory, on the sample images.

    Args:
        folder: The version folder.
        exportable: What was exported.
        expected: What the model in memory answers, where that is known already.

    Returns:
        What was compared, and the largest difference.

    Raises:
        ParityError: A signature differs by more than the tolerance, or names another label.
    """
    reference = expected or reference_of(exportable)
    tolerance = _tolerance(exportable)
    differences = _differences(tf.saved_model.load(str(folder)).signatures, exportable.samples, reference)
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


def _differences(
    signatures: Signatures, samples: tuple[bytes, ...], reference: Reference
) -> dict[str, float]:
    encoded = tf.constant(samples, tf.string)
    examples = tf.constant([example(sample) for sample in samples], tf.string)
    asked = {
        "serving_default": (_answer_differs, encoded),
        "pixels": (_answer_differs, tf.constant(reference.pixels)),
        "features": (_features_differ, encoded),
        "classify": (_ranking_differs, examples),
    }
    # A signature's first call optimises its graph on one core, so they are called side by side.
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = pool.map(lambda name: _call(signatures[name], asked[name][1]), asked)
        return {name: asked[name][0](answer, reference) for name, answer in zip(asked, answers, strict=True)}


def _tolerance(exportable: Exportable) -> float:
    half = computes_in_half(exportable.model) or computes_in_half(exportable.features)
    return HALF_TOLERANCE if half else TOLERANCE


def reference_of(exportable: Exportable) -> Reference:
    """Asks the model in memory about the sample images, op by op and so independently of any traced graph."""
    pixels = sample_pixels(exportable)
    logits = tf.cast(exportable.model(pixels, training=False), tf.float32)
    return Reference(
        pixels=pixels.numpy(),
        probabilities=tf.nn.softmax(logits / exportable.temperature).numpy(),
        features=keras.ops.convert_to_numpy(exportable.features(pixels, training=False)).astype(np.float32),
        class_names=np.array([name.encode() for name in exportable.class_names], object),
    )


def _call(signature: Any, given: tf.Tensor) -> Answer:
    (name,) = signature.structured_input_signature[1]
    return {name: tensor.numpy() for name, tensor in signature(**{name: given}).items()}


def _answer_differs(answer: Answer, expected: Reference) -> float:
    best = answer["probabilities"].argmax(axis=-1)
    if (answer["label"] != expected.class_names[best]).any():
        return math.inf
    return max(
        _largest(answer["probabilities"], expected.probabilities),
        _largest(answer["score"], expected.probabilities.max(axis=-1)),
    )


def _features_differ(answer: Answer, expected: Reference) -> float:
    return _largest(answer["features"], expected.features)


def _ranking_differs(answer: Answer, expected: Reference) -> float:
    """Compares class by class, so that ties in another order do not look like differences."""
    if (np.diff(answer["scores"], axis=-1) > 0).any():
        return math.inf
    column = {name: index for index, name in enumerate(expected.class_names)}
    order = np.array([[column.get(name, -1) for name in row] for row in answer["classes"]])
    if (np.sort(order, axis=-1) != np.arange(len(column))).any():
        return math.inf
    return _largest(answer["scores"], np.take_along_axis(expected.probabilities, order, axis=-1))


def _largest(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape or found.dtype != np.float32:
        return math.inf
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found - expected).max()) / scale

"""Asks what was written the same questions as the model in memory, and compares the answers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlzoo.bundle import ParityFacts
from tlzoo.errors import ParityError
from tlzoo.export.answers import answers_of
from tlzoo.export.exportable import Exportable
from tlzoo.export.ood import OUTPUT
from tlzoo.export.precision import computes_in_half
from tlzoo.export.signatures import example, sample_inputs

Answer = dict[str, np.ndarray]
Ask = Callable[[str, tf.Tensor], Answer]
"""Asks a signature by name."""

TOLERANCE = 1e-4
"""Allowed difference in float32: the graph optimiser fuses and reorders sums, nothing more."""

HALF_TOLERANCE = 2e-2
"""Allowed difference when the model computes in 16 bits."""


@dataclass(frozen=True)
class Reference:
    """What the model in memory answers.

    Attributes:
        eaten: The samples as the network eats them.
        probabilities: float32 (n, c); for regression numbers (n, 1).
        features: float32 (n, d).
        class_names: UTF-8, (c,).
        ood: How foreign the samples are, float32 (n,); None where nobody tells.
    """

    eaten: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray
    class_names: np.ndarray
    ood: np.ndarray | None = None


def check_parity(
    folder: Path, exportable: Exportable, expected: Reference | None = None, loaded: Any = None
) -> ParityFacts:
    """Loads a written version and compares every signature with the model in memory, on the samples.

    Args:
        folder: The version folder.
        exportable: What was exported.
        expected: What the model in memory answers, where that is known already.
        loaded: What `tf.saved_model.load` gave, where it was loaded already.

    Returns:
        What was compared, and the largest difference.

    Raises:
        ParityError: A signature differs by more than the tolerance, or names another label.
    """
    reference = expected or reference_of(exportable)
    tolerance = _tolerance(exportable)
    signatures = (loaded or tf.saved_model.load(str(folder))).signatures
    differences = differences_of(lambda name, given: _call(signatures[name], given), exportable, reference)
    for name, difference in differences.items():
        # Written so that a difference that is not a number fails too.
        if not difference <= tolerance:
            raise ParityError(
                f"Signature '{name}' of the export differs from the model by {difference:.3g}.",
                allowed=f"differences up to {tolerance:g} on the {len(exportable.samples)} samples.",
                do="Check that the model has no randomness outside of training; nothing was published.",
            )
    return ParityFacts(
        checked=tuple(differences),
        max_difference=max(differences.values()),
        tolerance=tolerance,
        n=len(exportable.samples),
        passed=True,
    )


def differences_of(ask: Ask, exportable: Exportable, reference: Reference) -> dict[str, float]:
    """Returns the largest difference of each signature to the model in memory, infinite where a label differs.

    Args:
        ask: Answers for a signature.
        exportable: What was exported.
        reference: What the model in memory answers.
    """
    front, samples = exportable.front, exportable.samples
    raw = tf.constant(samples, tf.string)
    examples = tf.constant([example(sample, front.feature) for sample in samples], tf.string)
    answer_differs = _ANSWERS[exportable.task](exportable)
    direct = {front.direct: (answer_differs, tf.constant(reference.eaten))} if front.direct else {}
    served = _ranking_differs if exportable.task != "regression" else _outputs_differ
    asked = {
        "serving_default": (answer_differs, raw),
        **direct,
        "features": (_features_differ, raw),
        answers_of(exportable).request: (served, examples),
    }
    # A signature's first call optimises its graph on one core, so they are called side by side.
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = pool.map(lambda name: ask(name, asked[name][1]), asked)
        return {
            name: max(
                asked[name][0](answer, reference), _foreign_differs(name, answer, exportable, reference)
            )
            for name, answer in zip(asked, answers, strict=True)
        }


def _foreign_differs(name: str, answer: Answer, exportable: Exportable, reference: Reference) -> float:
    """Compares `ood_score` where it belongs, and finds it wrong where it does not."""
    wanted = reference.ood if name != answers_of(exportable).request else None
    if (wanted is None) != (OUTPUT not in answer):
        return math.inf
    return 0.0 if wanted is None else _largest(answer[OUTPUT], wanted)


def _tolerance(exportable: Exportable) -> float:
    half = computes_in_half(exportable.model) or computes_in_half(exportable.features)
    return HALF_TOLERANCE if half else TOLERANCE


def reference_of(exportable: Exportable) -> Reference:
    """Asks the model in memory about the samples, op by op and so independently of any traced graph."""
    eaten = sample_inputs(exportable)
    logits = tf.cast(exportable.model(eaten, training=False), tf.float32)
    features = keras.ops.convert_to_numpy(exportable.features(eaten, training=False)).astype(np.float32)
    return Reference(
        eaten=eaten.numpy(),
        probabilities=answers_of(exportable).turned(logits).numpy(),
        features=features,
        ood=None if exportable.ood is None else exportable.ood.reference(features, logits.numpy()),
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


def _sets_differ(exportable: Exportable, answer: Answer, expected: Reference) -> float:
    """Decisions are compared with the thresholds, on the answer's own numbers: on the edge either is right."""
    decided = answer["probabilities"] >= np.asarray(exportable.thresholds, np.float32)
    if (answer["predicted"] != decided).any() or (answer["label_names"] != expected.class_names).any():
        return math.inf
    return _largest(answer["probabilities"], expected.probabilities)


def _numbers_differ(exportable: Exportable, answer: Answer, expected: Reference) -> float:
    radius, values = np.float32(exportable.band), expected.probabilities[:, 0]
    wanted = {"value": values, "low": values - radius, "high": values + radius}
    return max(_largest(answer[name], each) for name, each in wanted.items())


def _outputs_differ(answer: Answer, expected: Reference) -> float:
    return _largest(answer["outputs"], expected.probabilities)


_ANSWERS: dict[str, Callable[[Exportable], Callable[[Answer, Reference], float]]] = {
    "classification": lambda _: _answer_differs,
    "multilabel": lambda exportable: functools.partial(_sets_differ, exportable),
    "regression": lambda exportable: functools.partial(_numbers_differ, exportable),
}
"""How the default signature is compared, by task."""


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

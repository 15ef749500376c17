"""Writes LiteRT (formerly TensorFlow Lite) files for phones and small boards, and measures what they lose."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tlzoo import bundle, paths
from tlzoo.bundle import FACTS_FILE, LiteRTFacts
from tlzoo.errors import BundleError, ParityError
from tlzoo.export.exportable import Exportable
from tlzoo.export.precision import in_float32
from tlzoo.export.signatures import root_of, sample_pixels
from tlzoo.export.verify import HALF_TOLERANCE

Kind = Literal["float32", "float16", "int8"]
Evaluation = tuple[np.ndarray, np.ndarray]
MOST_CALIBRATION_IMAGES = 256
"""Ranges of activations settle well before; more images only cost time."""


def export_litert(
    exportable: Exportable,
    path: Path,
    kind: Kind = "float32",
    *,
    calibration: Iterable[np.ndarray] | None = None,
    evaluate: Evaluation | None = None,
) -> LiteRTFacts:
    """Converts the classifier, from float32 pixels (1, h, w, 3) in 0..255 to float32 probabilities (1, c).

    Temperature and preprocessing are inside. Beside the file stands a `.json` of the same name with the labels and
    the facts. The kinds differ in what is inside only, so that all take and give the same numbers: `float16` halves
    the weights, `int8` also computes in integers where it can (https://ai.google.dev/edge/litert).

    Args:
        exportable: What to convert.
        path: A `.tflite` file, a folder, or a version folder of a bundle, which then lists the file.
        kind: Precision of the weights.
        calibration: For `int8`: batches of uint8 pixels (b, h, w, 3), a hundred typical images or more in all.
        evaluate: uint8 pixels (n, h, w, 3) and labels (n,), to measure the loss on; the sample images otherwise.

    Returns:
        What was written and what it costs in accuracy.

    Raises:
        BundleError: The kind is unknown, `int8` has nothing to calibrate on, or the converter refuses the model.

    Example:
        >>> export_litert(exportable, Path("photos.tflite"), "float16").bytes  # doctest: +SKIP
        6831404
    """
    content = _convert(exportable, kind, calibration)
    file = _file(Path(path), exportable.name, kind)
    measured = _measure(exportable, content, evaluate)
    facts = LiteRTFacts.model_validate({**measured, "file": file.name, "kind": kind})
    _refuse_nonsense(facts)
    paths.write_bytes(file, content)
    about = {"class_names": exportable.class_names, "size": exportable.size, "resize": exportable.resize}
    paths.write_json(file.with_suffix(".json"), {**facts.model_dump(mode="json"), **about})
    if (Path(path) / FACTS_FILE).is_file():
        _list_in_bundle(Path(path), facts, file)
    return facts


def _convert(exportable: Exportable, kind: Kind, calibration: Iterable[np.ndarray] | None) -> bytes:
    if kind not in ("float32", "float16", "int8"):
        raise BundleError(
            f"LiteRT kind '{kind}'.", allowed="float32, float16 or int8.", do="Pick one of these."
        )
    # One image a call: sizes are then known, which XNNPACK needs to take over the whole graph.
    spec = tf.TensorSpec((1, *exportable.size, 3), tf.float32, name="pixels")
    with in_float32(exportable.model):
        concrete = tf.function(_probabilities(exportable), autograph=False).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], root_of([concrete]))
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        ops = tf.lite.OpsSet
        # Float ops are the way out for what has no integer kernel, such as the GELU of a transformer.
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8, ops.TFLITE_BUILTINS]
        images = _calibration_images(calibration)
        converter.representative_dataset = lambda: ([image[None].astype(np.float32)] for image in images)
    try:
        return bytes(converter.convert())
    except Exception as error:  # The converter raises whatever its passes raise.
        raise BundleError(
            f"The model cannot be converted to LiteRT {kind}: {str(error).strip().splitlines()[0]}.",
            allowed="models made of ops that LiteRT has (https://ai.google.dev/edge/litert/conversion/tensorflow).",
            do="Serve the SavedModel, or choose a backbone that converts, such as efficientnet_lite0.",
        ) from error


def _calibration_images(calibration: Iterable[np.ndarray] | None) -> list[np.ndarray]:
    images = list(islice(chain.from_iterable(calibration or ()), MOST_CALIBRATION_IMAGES))
    if not images:
        raise BundleError(
            "LiteRT int8 got no calibration images.",
            allowed="batches of uint8 pixels (b, h, w, 3), a hundred typical images or more in all.",
            do="Pass training images as `calibration`.",
        )
    return images


def _probabilities(exportable: Exportable) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    def forward(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = tf.cast(exportable.model(pixels, training=False), tf.float32)
        return {"probabilities": tf.nn.softmax(logits / float(exportable.temperature))}

    return forward


def _refuse_nonsense(facts: LiteRTFacts) -> None:
    """Refuses what no loss of precision explains: answers that are not numbers, or float32 that differs."""
    allowed = {"float32": HALF_TOLERANCE, "float16": 0.2, "int8": 1.0}[facts.kind]
    if facts.max_difference is None or not facts.max_difference <= allowed:
        raise ParityError(
            f"The LiteRT {facts.kind} file differs from the model by {facts.max_difference}.",
            allowed=f"probabilities that differ by up to {allowed:g}.",
            do="Try another kind; nothing was written.",
        )


def _file(path: Path, name: str, kind: Kind) -> Path:
    if path.suffix == ".tflite":
        return path
    folder = path / bundle.EXTRA / "litert" if (path / FACTS_FILE).is_file() else path
    plain = re.sub(r"[^\w.-]+", "_", name)
    return folder / f"{plain}_{kind}.tflite"


def _measure(exportable: Exportable, content: bytes, evaluate: Evaluation | None) -> dict[str, object]:
    interpreter = Interpreter(model_content=content, num_threads=os.cpu_count() or 1)
    pixels, labels = evaluate or (sample_pixels(exportable).numpy(), None)
    found, expected = _litert_answers(interpreter, pixels), _keras_answers(exportable, pixels)
    entry = interpreter.get_input_details()[0]
    facts: dict[str, object] = {
        "bytes": len(content),
        "sha256": bundle.sha256_of(content),
        "input_dtype": np.dtype(entry["dtype"]).name,
        "input_shape": tuple(int(side) for side in entry["shape"]),
        "max_difference": float(np.abs(found - expected).max()),
        "n": len(pixels),
    }
    if labels is not None:
        right = [float(np.mean(answers.argmax(axis=-1) == labels)) for answers in (found, expected)]
        facts |= {"accuracy": right[0], "accuracy_difference": right[0] - right[1]}
    return facts


def _litert_answers(interpreter: Interpreter, pixels: np.ndarray) -> np.ndarray:
    run = interpreter.get_signature_runner()
    return np.concatenate([run(pixels=image[None].astype(np.float32))["probabilities"] for image in pixels])


def _keras_answers(exportable: Exportable, pixels: np.ndarray, batch_size: int = 16) -> np.ndarray:
    forward = tf.function(_probabilities(exportable), autograph=False, reduce_retracing=True)

    def batches() -> Iterator[np.ndarray]:
        for start in range(0, len(pixels), batch_size):
            batch = tf.cast(pixels[start : start + batch_size], tf.float32)
            yield forward(batch)["probabilities"].numpy()

    return np.concatenate(list(batches()))


def _list_in_bundle(folder: Path, facts: LiteRTFacts, file: Path) -> None:
    _, described = bundle.read_bundle(folder)
    others = tuple(one for one in described.litert if one.file != facts.file)
    sums = dict(described.checksums)
    for written in (file, file.with_suffix(".json")):
        sums[written.relative_to(folder).as_posix()] = bundle.sha256(written)
    bundle.write_facts(folder, described.model_copy(update={"litert": (*others, facts), "checksums": sums}))
